package awsapi

import (
	"encoding/binary"
	"math"
	"reflect"
	"time"
)

// The major types of CBOR (RFC 8949).
const (
	cborUint byte = iota << 5
	cborNegative
	cborBytes
	cborText
	cborArray
	cborMap
	cborTag
	cborSimple
)

func appendCBORHead(b []byte, major byte, n uint64) []byte {
	switch {
	case n < 24:
		return append(b, major|byte(n))
	case n <= math.MaxUint8:
		return append(b, major|24, byte(n))
	case n <= math.MaxUint16:
		return binary.BigEndian.AppendUint16(append(b, major|25), uint16(n))
	case n <= math.MaxUint32:
		return binary.BigEndian.AppendUint32(append(b, major|26), uint32(n))
	}
	return binary.BigEndian.AppendUint64(append(b, major|27), n)
}

func appendCBORText(b []byte, s string) []byte {
	return append(appendCBORHead(b, cborText, uint64(len(s))), s...)
}

// appendCBOR encodes a present value.
func appendCBOR(b []byte, p *plan, v reflect.Value) []byte {
	switch p.shape.Kind {
	case KindStructure:
		return appendCBORStruct(b, p, v)
	case KindList:
		b = appendCBORHead(b, cborArray, uint64(v.Len()))
		for i := range v.Len() {
			b = appendCBORElem(b, p, v.Index(i))
		}
		return b
	case KindMap:
		b = appendCBORHead(b, cborMap, uint64(v.Len()))
		for _, key := range sortedKeys(v) {
			b = appendCBORText(b, key.String())
			b = appendCBORElem(b, p, v.MapIndex(key))
		}
		return b
	}
	return appendCBORScalar(b, p.shape, v)
}

func appendCBORElem(b []byte, p *plan, v reflect.Value) []byte {
	inner, ok := open(v)
	if !ok {
		return append(b, cborNull)
	}
	return appendCBOR(b, p.elem, inner)
}

// appendCBORStruct writes a map of indefinite length, since absent members are
// not counted first.
func appendCBORStruct(b []byte, p *plan, v reflect.Value) []byte {
	b = append(b, cborMap|cborIndefinite)
	for i := range p.fields {
		f := &p.fields[i]
		if inner, ok := open(v.Field(f.index)); ok && f.Location == InBody {
			b = appendCBORText(b, f.wire())
			b = appendCBOR(b, f.plan, inner)
		}
	}
	return append(b, cborBreak)
}

func appendCBORScalar(b []byte, s *Shape, v reflect.Value) []byte {
	switch s.Kind {
	case KindString:
		return appendCBORText(b, v.String())
	case KindBlob:
		return append(appendCBORHead(b, cborBytes, uint64(v.Len())), v.Bytes()...)
	case KindBoolean:
		if v.Bool() {
			return append(b, cborTrue)
		}
		return append(b, cborFalse)
	case KindInteger, KindLong:
		return appendCBORInt(b, v.Int())
	case KindTimestamp:
		return appendCBORTime(b, v.Interface().(time.Time))
	default:
		return appendCBORFloat(b, v.Float())
	}
}

func appendCBORInt(b []byte, n int64) []byte {
	if n < 0 {
		return appendCBORHead(b, cborNegative, uint64(-(n + 1)))
	}
	return appendCBORHead(b, cborUint, uint64(n))
}

func appendCBORFloat(b []byte, f float64) []byte {
	return binary.BigEndian.AppendUint64(append(b, cborDouble), math.Float64bits(f))
}

// appendCBORTime writes tag 1: seconds since 1970, to the millisecond.
func appendCBORTime(b []byte, t time.Time) []byte {
	b = append(b, cborTag|1)
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return appendCBORInt(b, ms/1000)
	}
	return appendCBORFloat(b, float64(ms)/1000)
}
