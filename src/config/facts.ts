/** What settings are checked against: the files they name. The one part of the settings that touches the disk. */
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { anybodyEnrolled } from "../access/enrolled.ts";

export interface Facts {
  isReadableFile(path: string): boolean;
  isFolder(path: string): boolean;
  /** Null when it can't be read. */
  text(path: string): string | null;
  /** Somebody is enrolled there, or holds a link that enrols. */
  enrolled(data_dir: string): boolean;
  /** Throws with the parser's sentence. */
  parseToml(text: string): unknown;
}

export const theDisk: Facts = {
  isReadableFile: (path) => {
    try {
      accessSync(path, constants.R_OK);
      return !statSync(path).isDirectory();
    } catch {
      return false;
    }
  },
  isFolder: (path) => {
    try {
      return statSync(path).isDirectory();
    } catch {
      return false;
    }
  },
  text: (path) => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return null;
    }
  },
  enrolled: anybodyEnrolled,
  parseToml: (text) => Bun.TOML.parse(text),
};
