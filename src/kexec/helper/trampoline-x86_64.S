# From the old kernel's last instruction to the new kernel's 64-bit entry: Documentation/arch/x86/boot.rst, "64-bit Boot
# Protocol". Long mode, identity mapping and zero registers are given; wanted are the flat segments 0x10 and 0x18, the boot
# parameters in rsi, interrupts off. TypeScript fills in the three addresses at the end.
	.code64
	.globl _start
_start:
	cli
	cld
	lgdt table(%rip)
	lea stack(%rip), %rsp
	mov $0x18, %eax
	mov %eax, %ds
	mov %eax, %es
	mov %eax, %ss
	mov %eax, %fs
	mov %eax, %gs
	mov params(%rip), %rsi
	mov entry(%rip), %rax
	pushq $0x10
	pushq %rax
	xor %ebx, %ebx
	xor %ebp, %ebp
	xor %edi, %edi
	lretq
	.balign 8
gdt:
	.quad 0, 0
	.quad 0x00af9a000000ffff
	.quad 0x00cf92000000ffff
	.skip 6
table:
	.word table - gdt - 7
where:	.quad 0
params:	.quad 0
entry:	.quad 0
	.skip 64
stack:
