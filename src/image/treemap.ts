import type { Inspection } from "./inspect.ts";

/** A box of the map: `size` in bytes, `x`, `y`, `w`, `h` in thousandths of the whole. */
interface Box {
	readonly name: string;
	readonly size: number;
	readonly x: number;
	readonly y: number;
	readonly w: number;
	readonly h: number;
}

interface Item {
	readonly name: string;
	readonly size: number;
}

/** Boxes whose areas are in proportion to the sizes and whose sides are as alike as can be (Bruls et al., 2000). */
export function squarify(
	items: readonly Item[],
	x: number,
	y: number,
	w: number,
	h: number,
): Box[] {
	const sorted = items.filter((item) => item.size > 0).sort((a, b) => b.size - a.size);
	const total = sorted.reduce((sum, item) => sum + item.size, 0);
	const scale = (w * h) / Math.max(1, total);
	const boxes: Box[] = [];
	let [left, top, width, height] = [x, y, w, h];
	for (let at = 0; at < sorted.length; ) {
		const side = Math.min(width, height);
		let row: Item[] = [];
		let area = 0;
		let worst = Number.POSITIVE_INFINITY;
		for (let next = sorted[at]; next !== undefined; next = sorted[at + row.length]) {
			const bigger = area + next.size * scale;
			const shapes = [...row, next].map((item) => {
				const length = (item.size * scale * side) / bigger;
				const thick = bigger / side;
				return Math.max(length / thick, thick / length);
			});
			const now = Math.max(...shapes);
			if (now > worst) break;
			worst = now;
			row = [...row, next];
			area = bigger;
		}
		const thick = side === 0 ? 0 : area / side;
		let along = 0;
		for (const item of row) {
			const length = thick === 0 ? 0 : (item.size * scale) / thick;
			boxes.push(
				width >= height
					? { ...item, x: left, y: top + along, w: thick, h: length }
					: { ...item, x: left + along, y: top, w: length, h: thick },
			);
			along += length;
		}
		if (width >= height) [left, width] = [left + thick, width - thick];
		else [top, height] = [top + thick, height - thick];
		at += Math.max(1, row.length);
	}
	return boxes;
}

/** A page that shows what an image is made of: layers, packages in them, the largest files. Needs nothing but itself. */
export function treemapPage(inspection: Inspection): string {
	const { layers, files, packages } = inspection;
	const total = layers.reduce((sum, layer) => sum + layer.unpacked, 0) + inspection.kernel;
	const top = squarify(
		[
			{ name: "kernel", size: inspection.kernel },
			...layers.map((l) => ({ name: l.name, size: l.unpacked })),
		],
		0,
		0,
		1600,
		900,
	);
	const svg = top.map((box, index) => {
		const hue = (index * 67 + 205) % 360;
		const inner = groupsOf(box.name, files);
		const children = squarify(
			inner,
			box.x + 2,
			box.y + 18,
			Math.max(0, box.w - 4),
			Math.max(0, box.h - 20),
		);
		return [
			rect(box, `hsl(${hue} 30% 30%)`, `${box.name}: ${megabytes(box.size)}`, 13),
			...children.map((child, n) =>
				rect(
					child,
					`hsl(${hue} 45% ${42 + (n % 5) * 6}%)`,
					`${box.name} / ${child.name}: ${megabytes(child.size)}`,
					11,
				),
			),
		].join("\n");
	});
	const rows = [
		...layers.map(
			(layer) =>
				`<tr><td>${escapeHtml(layer.name)}</td><td>${escapeHtml(layer.compression)}</td><td>${megabytes(layer.packed)}</td><td>${megabytes(layer.unpacked)}</td><td>${layer.entries}</td></tr>`,
		),
		`<tr><td>kernel</td><td></td><td>${megabytes(inspection.kernel)}</td><td></td><td></td></tr>`,
	];
	const packageRows = packages
		.slice(0, 100)
		.map(
			(p) =>
				`<tr><td>${escapeHtml(p.name)}</td><td>${escapeHtml(p.version)}</td><td>${escapeHtml(p.layer)}</td><td>${megabytes(p.size)}</td></tr>`,
		);
	return `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(inspection.name)} ${escapeHtml(inspection.architecture)}</title>
<style>
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:1600px;padding:0 1rem;color-scheme:light dark}
svg{width:100%;height:auto;background:#8883}rect{stroke:#0006}rect:hover{stroke:#fff;stroke-width:2}
text{pointer-events:none;fill:#fff}table{border-collapse:collapse;margin:1rem 0}td,th{padding:.15rem .8rem;text-align:left}
td:nth-child(n+3){font-variant-numeric:tabular-nums}summary{cursor:pointer}
</style>
<h1>${escapeHtml(inspection.name)} · ${escapeHtml(inspection.architecture)} · ${escapeHtml(inspection.release)}</h1>
<p>${megabytes(inspection.packed)} over the wire, ${megabytes(total)} unpacked. Image ${escapeHtml(inspection.digest.slice(0, 12))}.</p>
<svg viewBox="0 0 1600 900" role="img" aria-label="Unpacked sizes by layer and package">
${svg.join("\n")}
</svg>
<table><tr><th>Layer</th><th>Packed as</th><th>Packed</th><th>Unpacked</th><th>Entries</th></tr>
${rows.join("\n")}
</table>
<details><summary>Packages</summary><table><tr><th>Package</th><th>Version</th><th>Layer</th><th>Files</th></tr>
${packageRows.join("\n")}
</table></details>
</html>
`;
}

/** Packages of a layer; modules by their folder; what nobody owns under one name. */
function groupsOf(layer: string, files: Inspection["files"]): Item[] {
	const sizes = new Map<string, number>();
	for (const file of files) {
		if (file.layer !== layer) continue;
		const module = file.path.match(/^usr\/lib\/modules\/[^/]+\/kernel\/((?:[^/]+\/){1,2})/)?.[1];
		const name = module?.slice(0, -1) ?? file.package ?? "configuration";
		sizes.set(name, (sizes.get(name) ?? 0) + file.size);
	}
	return [...sizes].map(([name, size]) => ({ name, size }));
}

function rect(box: Box, fill: string, title: string, size: number): string {
	const n = (value: number): string => value.toFixed(1);
	const room = Math.floor(box.w / (size * 0.62));
	const label =
		box.h < size + 3 || room < 4
			? ""
			: `<text x="${n(box.x + 4)}" y="${n(box.y + size + 1)}" font-size="${size}">${escapeHtml(box.name.slice(0, room))}</text>`;
	return `<g><rect x="${n(box.x)}" y="${n(box.y)}" width="${n(box.w)}" height="${n(box.h)}" fill="${fill}"><title>${escapeHtml(title)}</title></rect>${label}</g>`;
}

function megabytes(bytes: number): string {
	return bytes < 100_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

function escapeHtml(plain: string): string {
	return plain.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}
