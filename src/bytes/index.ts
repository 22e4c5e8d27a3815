export { alignUp, compare, concat, equal, startsWith, toHex } from "./bytes.ts";
export { type BytesCode, Cursor, type CursorOptions, type Endian } from "./cursor.ts";
export { EkexecError, type ErrorDetails, type ErrorKind } from "./error.ts";
export {
	type Field,
	i32,
	pad,
	raw,
	readStruct,
	type Struct,
	struct,
	u8,
	u16,
	u16be,
	u32,
	u32be,
	u64,
	type ValueOf,
} from "./struct.ts";
export { parseShown, printable, showBytes, text, utf8, wrap } from "./text.ts";
export { anyCharacter, anyRun, oneOf, Wildcard, type WildcardStep, wildcard } from "./wildcard.ts";
