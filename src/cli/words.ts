/** `1 segment`, `2 segments`, `1 entry`, `0 entries`. */
export function count(number: number, one: string, many = `${one}s`): string {
	return `${number} ${number === 1 ? one : many}`;
}
