package filter

// auditArch is this machine in what a filter sees.
const auditArch = 0xc00000b7
