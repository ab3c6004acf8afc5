/** Bytes of a protocol's own words, as text: one character a byte, whatever they are. */
export const textOf = (bytes: Uint8Array, from = 0, to = bytes.length): string =>
  new TextDecoder("latin1").decode(bytes.subarray(from, to));
