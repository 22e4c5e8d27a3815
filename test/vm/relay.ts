import { connect, createServer, type Server, type Socket } from "node:net";

/** A TCP relay on the loopback whose connections can be cut, or die without a word, as a network does it. */
export class Relay {
	readonly #server: Server;
	readonly #sockets = new Set<Socket>();
	/** Bytes that went from the operator to the target. */
	sent = 0;
	/** Connections that were let through. */
	connections = 0;
	/** Whether new connections are refused. */
	closed = false;
	/** Connections that have died: nothing passes any more, and neither end hears of the other's. */
	readonly #dead = new Set<Socket>();

	private constructor(to: number) {
		this.#server = createServer((socket) => {
			if (this.closed) {
				socket.destroy();
				return;
			}
			this.connections += 1;
			const onward = connect(to, "127.0.0.1");
			for (const end of [socket, onward]) {
				this.#sockets.add(end);
				end.on("error", () => {});
				end.on("close", () => {
					this.#sockets.delete(end);
					if (this.#dead.delete(end)) return;
					socket.destroy();
					onward.destroy();
				});
			}
			socket.on("data", (chunk: Buffer) => {
				this.sent += chunk.length;
			});
			socket.pipe(onward).pipe(socket);
		});
	}

	static async to(port: number): Promise<Relay> {
		const relay = new Relay(port);
		await new Promise<void>((resolve) => relay.#server.listen(0, "127.0.0.1", resolve));
		return relay;
	}

	get port(): number {
		const address = this.#server.address();
		if (address === null || typeof address === "string") throw new Error("the relay is closed");
		return address.port;
	}

	/** Breaks every connection at once. */
	cut(): void {
		for (const socket of this.#sockets) socket.destroy();
	}

	/** Every connection of now dies without a word: its ends stay open, and nothing passes any more. */
	freeze(): void {
		for (const socket of this.#sockets) {
			this.#dead.add(socket);
			socket.removeAllListeners("data").unpipe().pause();
		}
	}

	async [Symbol.asyncDispose](): Promise<void> {
		this.closed = true;
		this.cut();
		await new Promise((resolve) => this.#server.close(resolve));
	}
}
