/**
 * The whole library under one name; each room is an entry point of its own as well (`ekexec/cpio`, …).
 *
 * @module
 */
export { EkexecError, type ErrorDetails, type ErrorKind } from "./bytes/index.ts";
export * as cpio from "./cpio/index.ts";
export * as image from "./image/index.ts";
export * as initrd from "./initrd/index.ts";
export * as kexec from "./kexec/index.ts";
export * as netlink from "./netlink/index.ts";
export * as network from "./network/index.ts";
export * as rescue from "./rescue/index.ts";
