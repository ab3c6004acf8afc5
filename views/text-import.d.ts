/** Bun and its bundler hand a file over as text where the import says `with { type: "text" }`. */
declare module "*.css" {
  const text: string;
  export default text;
}
