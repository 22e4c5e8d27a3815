import type { PseudoTtyOptions } from "ssh2";

/** Terminal modes of RFC 4254, 8 that let every byte pass unchanged. */
export const rawTerminal: PseudoTtyOptions = {
	term: "dumb",
	modes: {
		ECHO: 0,
		ECHOE: 0,
		ECHOK: 0,
		ECHONL: 0,
		ECHOCTL: 0,
		ECHOKE: 0,
		ICANON: 0,
		ISIG: 0,
		IEXTEN: 0,
		ICRNL: 0,
		INLCR: 0,
		IGNCR: 0,
		IXON: 0,
		IXOFF: 0,
		IXANY: 0,
		ISTRIP: 0,
		INPCK: 0,
		PARMRK: 0,
		IMAXBEL: 0,
		OPOST: 0,
		ONLCR: 0,
		CS8: 1,
		PARENB: 0,
	} as unknown as NonNullable<PseudoTtyOptions["modes"]>,
};
