/* What a private key looks like. A file that holds one is not sent, whoever asks; splices are the only way for it. */
#include "sources.h"

static u8 lower(u8 byte) { return byte >= 'A' && byte <= 'Z' ? (u8)(byte + 32) : byte; }

static bool begins(const u8 *at, const u8 *end, const char *word)
{
	for (; *word != 0; word++, at++)
		if (at >= end || lower(*at) != (u8)*word)
			return false;
	return true;
}

static bool line_is_secret(const u8 *at, const u8 *end)
{
	/* PEM, OpenSSH, OpenPGP, SSH2 (RFC 7468, PROTOCOL.key, RFC 9580): "BEGIN … PRIVATE KEY" within one line. */
	for (const u8 *from = at; from < end; from++) {
		if (!begins(from, end, "begin "))
			continue;
		for (; from < end; from++)
			if (begins(from, end, "private key"))
				return true;
	}
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	/* WireGuard's and systemd-networkd's PrivateKey=, PresharedKey=; NetworkManager's private-key= */
	static const char *const words[] = { "privatekey", "private-key", "private_key", "presharedkey", "preshared-key", "age-secret-key-", "putty-user-key-file-" };
	for (u32 i = 0; i < LENGTH(words); i++) {
		if (!begins(at, end, words[i]))
			continue;
		if (i >= 5)
			return true;
		const u8 *after = at + strlen(words[i]);
		while (after < end && (*after == ' ' || *after == '\t'))
			after++;
		if (after < end && *after == '=')
			return true;
	}
	return false;
}

/* Binary forms at the start of a file: SSH-1, DER (PKCS #1, PKCS #8, SEC 1), Dropbear's host keys. */
static bool binary_is_secret(const u8 *data, usize length)
{
	const u8 *end = data + length;
	if (begins(data, end, "ssh private key file format"))
		return true;
	if (length > 8 && data[0] == 0x30) {
		usize head = data[1] < 0x80 ? 2 : 2 + (usize)(data[1] & 0x7f);
		/* SEQUENCE { INTEGER version 0 or 1, then INTEGER, SEQUENCE or OCTET STRING */
		if (head + 4 <= length && data[head] == 2 && data[head + 1] == 1 && data[head + 2] <= 1)
			return data[head + 3] == 2 || data[head + 3] == 0x30 || data[head + 3] == 4;
	}
	if (length > 12 && data[0] == 0 && data[1] == 0 && data[2] == 0 && data[3] < 32)
		return begins(data + 4, end, "ssh-") || begins(data + 4, end, "ecdsa-");
	return false;
}

bool holds_private_key(const u8 *data, usize length)
{
	if (binary_is_secret(data, length))
		return true;
	for (usize at = 0; at < length;) {
		usize end = at;
		while (end < length && data[end] != '\n' && data[end] != '\r' && data[end] != 0)
			end++;
		if (line_is_secret(data + at, data + end))
			return true;
		at = end + 1;
	}
	return false;
}
