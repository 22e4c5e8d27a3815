/** A key of nobody's, and a Release file that it signed in February 2026; made once, so that an input means the same in every run. */
export const key = `-----BEGIN PGP PUBLIC KEY BLOCK-----

xjMEaVW5ABYJKwYBBAHaRw8BAQdAZTkA5sRA//39cAMordfC75EVAH2DIC2S
ToJ5FWAPiQ7NBGZ1enrCwBMEExYKAIUFgmlVuQADCwkHCRDDXRVYDos6ZkUU
AAAAAAAcACBzYWx0QG5vdGF0aW9ucy5vcGVucGdwanMub3JnTNtd6oc3BA71
F46T1wFBdsimRTsHWj0PMAKlGWFEuW0FFQoIDgwEFgACAQIZAQKbAwIeARYh
BOlYmsNiLfyXUjen+MNdFVgOizpmAAC00AEAgEDxFeGilu8WjfSni8KQ/qHI
JAEZJfNb4HixYO8dcjEA+gIMEQ414XxtqwzZOBFAx7CUco0hI+mMhPsd8VcY
LfgPzjgEaVW5ABIKKwYBBAGXVQEFAQEHQMQxoOHbajDXH22FtZ5XUnaPOmr3
DCgkOf84QOqeQyc5AwEIB8K+BBgWCgBwBYJpVbkACRDDXRVYDos6ZkUUAAAA
AAAcACBzYWx0QG5vdGF0aW9ucy5vcGVucGdwanMub3Jn1CyxhjYELdXBXQVR
t2xB1+ZIb5gCA3Pel0B8wBgvFF4CmwwWIQTpWJrDYi38l1I3p/jDXRVYDos6
ZgAAP9oBAOWI9FCystff0/N77QJQlz3oZ/fKUEvHhuOuhkstnot1AP4+x+/P
mI3eS7LgiXjEGZzX+0tBzm95pnOu88NDcJShCA==
=G5JR
-----END PGP PUBLIC KEY BLOCK-----
`;
export const signed = `-----BEGIN PGP SIGNED MESSAGE-----
Hash: SHA512

Suite: stable
Codename: trixie
Date: Sat, 21 Nov 2026 09:15:44 UTC
Architectures: amd64
SHA256:
 abababababababababababababababababababababababababababababababab 1 main/binary-amd64/Packages

-----BEGIN PGP SIGNATURE-----

wrsEARYKAG0Fgml+l4AJEMNdFVgOizpmRRQAAAAAABwAIHNhbHRAbm90YXRp
b25zLm9wZW5wZ3Bqcy5vcmfu4fORKBxVr/ttcvP/w+Gl5UcGDC51sPNga3m9
XYCZghYhBOlYmsNiLfyXUjen+MNdFVgOizpmAADdYgEAopgKj2G3MSDD8rck
7uyH4k+5kT7NIXe5psy10JVu5z8BAIE4WS+RmN0nzp0uyNCfqhiZm7pgc7MT
kACeh1H4GUML
=ue1g
-----END PGP SIGNATURE-----
`;
export const text = `Suite: stable
Codename: trixie
Date: Sat, 21 Nov 2026 09:15:44 UTC
Architectures: amd64
SHA256:
 abababababababababababababababababababababababababababababababab 1 main/binary-amd64/Packages
`;
