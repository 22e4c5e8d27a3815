/** What is wrong with the bytes of a block. */
export class Lzma2Fault extends Error {}
