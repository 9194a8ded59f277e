# The smallest guest: a boot sector with a serial console. It counts its boots in
# the disk's second sector and obeys single keys:
#   r  reset     p  power off     k  a line like a kernel panic, then reset
#   m  a boot menu in two colours, as firmware draws it     any other: echo
# Built by:
#   as --32 -o guest.o guest.S && ld -m elf_i386 -Ttext 0x7c00 --oformat binary -o guest.bin guest.o
	.code16
	.globl _start
_start:
	ljmp	$0, $1f
1:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	movb	%dl, drive
	movw	$0x0201, %ax		# read one sector
	call	disk
	incb	0x8000
	movw	$0x0301, %ax		# write it back
	call	disk
	movw	$boot, %si
	call	print
	movb	0x8000, %al
	addb	$'0', %al
	call	putc
prompt:
	movw	$ready, %si
	call	print
key:	movw	$0x3fd, %dx		# line status: a byte has come
	inb	%dx, %al
	testb	$1, %al
	jz	key
	movw	$0x3f8, %dx
	inb	%dx, %al
	cmpb	$'r', %al
	je	reset
	cmpb	$'p', %al
	je	poweroff
	cmpb	$'k', %al
	je	panic
	cmpb	$'m', %al
	je	menu
	call	putc
	jmp	key

menu:	movw	$items, %si
	call	print
	jmp	key
panic:	movw	$dying, %si
	call	print
reset:	movw	$resets, %si
	call	print
	movb	$6, %al			# reset control register of the chipset
	movw	$0xcf9, %dx
	outb	%al, %dx
	jmp	stop
poweroff:
	movw	$0x604, %dx		# PM1 control: SLP_EN with the type of S5
	movw	$0x2000, %ax
	outw	%ax, %dx
stop:	cli
	hlt
	jmp	stop

disk:	movw	$0x8000, %bx
	movw	$0x0002, %cx		# cylinder 0, sector 2
	movb	$0, %dh
	movb	drive, %dl
	int	$0x13
	ret

print:	lodsb
	testb	%al, %al
	jz	1f
	call	putc
	jmp	print
1:	ret

putc:	movb	%al, %ah
	movw	$0x3fd, %dx
1:	inb	%dx, %al		# wait for the transmitter
	testb	$0x20, %al
	jz	1b
	movw	$0x3f8, %dx
	movb	%ah, %al
	outb	%al, %dx
	ret

drive:	.byte	0
boot:	.asciz	"\r\nboot "
ready:	.asciz	"\r\nready> "
resets:	.asciz	"\r\nresets\r\n"
dying:	.asciz	"\r\nKernel panic - not syncing: out of luck\r\n"
items:	.asciz	"\033[2J\033[2;3H\033[30m\033[47mone\033[37m\033[40m\033[3;3Htwo\033[5;1HBoot in 3 s."
	.org	510
	.word	0xaa55
