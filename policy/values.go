package policy

import "net/netip"

// ValueIs says whether a value is of one of the types of condition operators:
// "numeric", "boolean", "ip" or "date". It is true for every other type, whose
// values are any text.
func ValueIs(kind, value string) bool {
	switch kind {
	case "numeric":
		_, ok := parseDecimal(value)
		return ok
	case "boolean":
		return boolean(value)
	case "ip":
		_, err := netip.ParseAddr(value)
		return err == nil
	case "date":
		_, ok := parseInstant(value)
		return ok
	}
	return true
}
