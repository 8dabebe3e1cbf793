#include "textflag.h"

// The first process of a cell. Its only argument is the function's process id
// in decimal; file 3 is the socket to the spawner.
TEXT ·pid1(SB), NOSPLIT|NOFRAME, $0-0
	MOVD $167, R8 // prctl(PR_SET_DUMPABLE, 0)
	MOVD $4, R0
	MOVD ZR, R1
	SVC

	MOVD 8(RSP), R9 // argv[0]
	MOVD ZR, R19
	MOVD $10, R11

digit:
	MOVBU (R9), R10
	CBZ   R10, wait
	MUL   R11, R19, R19
	ADD   R10, R19, R19
	SUB   $48, R19, R19
	ADD   $1, R9, R9
	B     digit

wait:
	MOVD $260, R8 // wait4(-1, &status, 0, NULL)
	MOVD $-1, R0
	SUB  $64, RSP, R1
	MOVD ZR, R2
	MOVD ZR, R3
	SVC
	CMP  R19, R0
	BNE  wait

	MOVD $64, R8 // write(3, &status, 4)
	MOVD $3, R0
	SUB  $64, RSP, R1
	MOVD $4, R2
	SVC

	MOVD $94, R8 // exit_group(0)
	MOVD ZR, R0
	SVC
	BRK

// func pid1Code() *[pid1Size]byte
TEXT ·pid1Code(SB), NOSPLIT, $0-8
	MOVD $·pid1(SB), R0
	MOVD R0, ret+0(FP)
	RET
