// From the old kernel's last instruction to the new kernel: Documentation/arch/arm64/booting.rst. MMU and caches are off;
// wanted are the device tree in x0 and zero in x1 to x3. TypeScript fills in the two addresses at the end.
	.globl _start
_start:
	ldr x0, tree
	mov x1, xzr
	mov x2, xzr
	mov x3, xzr
	ldr x4, entry
	br x4
	.balign 8
tree:	.quad 0
entry:	.quad 0
