package awsapi

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
	"unicode/utf8"
)

const (
	cborIndefinite byte = 31
	cborFalse      byte = 0xf4
	cborTrue       byte = 0xf5
	cborNull       byte = 0xf6
	cborUndefined  byte = 0xf7
	cborHalf       byte = 0xf9
	cborSingle     byte = 0xfa
	cborDouble     byte = 0xfb
	cborBreak      byte = 0xff
)

var (
	errCBOREnd  = errors.New("unexpected end of the document")
	errCBORForm = errors.New("the CBOR is not well-formed")
)

// decodeCBOR reads a document into v, a structure. An empty document is an
// empty structure.
func decodeCBOR(data []byte, p *plan, v reflect.Value) error {
	if len(data) == 0 {
		return nil
	}
	r := cborReader{data: data}
	if err := r.value(p, v); err != nil {
		return err
	}
	if r.pos != len(data) {
		return errors.New("the document has trailing bytes")
	}
	return nil
}

// cborReader decodes CBOR (RFC 8949) by plans. Lengths are checked against what
// is left before anything is allocated.
type cborReader struct {
	data  []byte
	pos   int
	depth int
}

func (r *cborReader) peek() (byte, error) {
	if r.pos >= len(r.data) {
		return 0, errCBOREnd
	}
	return r.data[r.pos], nil
}

// head reads an item's major type and argument; indefinite lengths are open.
func (r *cborReader) head() (major byte, n uint64, open bool, err error) {
	first, err := r.peek()
	if err != nil {
		return 0, 0, false, err
	}
	r.pos++
	major, info := first&0xe0, first&0x1f
	if info < 24 {
		return major, uint64(info), false, nil
	}
	if info == cborIndefinite {
		if major == cborUint || major == cborNegative || major == cborTag {
			return 0, 0, false, errCBORForm
		}
		return major, 0, true, nil
	}
	if info > 27 {
		return 0, 0, false, errCBORForm
	}
	raw, err := r.take(1 << (info - 24))
	if err != nil {
		return 0, 0, false, err
	}
	for _, c := range raw {
		n = n<<8 | uint64(c)
	}
	return major, n, false, nil
}

func (r *cborReader) take(n uint64) ([]byte, error) {
	if n > uint64(len(r.data)-r.pos) {
		return nil, errCBOREnd
	}
	raw := r.data[r.pos : r.pos+int(n)]
	r.pos += int(n)
	return raw, nil
}

// text reads a string of bytes or text, in one piece or in chunks. The result
// may alias the document.
func (r *cborReader) text(want byte) ([]byte, error) {
	major, n, open, err := r.head()
	if err != nil {
		return nil, err
	}
	if major != want {
		return nil, mismatchCBOR(want)
	}
	raw, err := r.take(n)
	if open {
		raw, err = r.chunks(want)
	}
	if err == nil && want == cborText && !utf8.Valid(raw) {
		err = errUTF8
	}
	return raw, err
}

func (r *cborReader) chunks(want byte) ([]byte, error) {
	out := []byte{}
	for {
		if end, err := r.atBreak(); end || err != nil {
			return out, err
		}
		major, n, open, err := r.head()
		if err != nil {
			return nil, err
		}
		if major != want || open {
			return nil, errCBORForm
		}
		raw, err := r.take(n)
		if err != nil {
			return nil, err
		}
		out = append(out, raw...)
	}
}

func (r *cborReader) atBreak() (bool, error) {
	c, err := r.peek()
	if err == nil && c == cborBreak {
		r.pos++
		return true, nil
	}
	return false, err
}

// null consumes null or undefined if it is next.
func (r *cborReader) null() (bool, error) {
	c, err := r.peek()
	if err == nil && (c == cborNull || c == cborUndefined) {
		r.pos++
		return true, nil
	}
	return false, err
}

// each reads an array or a map and calls item at each element or key.
func (r *cborReader) each(want byte, item func() error) error {
	major, n, open, err := r.head()
	if err != nil {
		return err
	}
	if major != want {
		return mismatchCBOR(want)
	}
	if !open && n > uint64(len(r.data)-r.pos) {
		return errCBOREnd
	}
	if r.depth++; r.depth > maxDepth {
		return errDepth
	}
	defer func() { r.depth-- }()
	for i := uint64(0); open || i < n; i++ {
		if open {
			if end, err := r.atBreak(); end || err != nil {
				return err
			}
		}
		if err := item(); err != nil {
			return err
		}
	}
	return nil
}

func mismatchCBOR(want byte) error {
	names := [...]string{"integer", "integer", "byte string", "text string", "array", "map", "tag", "simple value"}
	return fmt.Errorf("a CBOR %s is expected", names[want>>5])
}

func (r *cborReader) value(p *plan, v reflect.Value) error {
	switch p.shape.Kind {
	case KindStructure:
		return r.each(cborMap, func() error { return r.member(p, v) })
	case KindList:
		v.Set(reflect.MakeSlice(p.typ, 0, 0))
		return r.each(cborArray, func() error { return r.item(p, v) })
	case KindMap:
		v.Set(reflect.MakeMap(p.typ))
		return r.each(cborMap, func() error { return r.entry(p, v) })
	}
	return r.scalar(p.shape, v)
}

func (r *cborReader) member(p *plan, v reflect.Value) error {
	key, err := r.text(cborText)
	if err != nil {
		return err
	}
	f := p.byName[string(key)]
	if f == nil {
		return r.skip()
	}
	if null, err := r.null(); null || err != nil {
		return err
	}
	return r.value(f.plan, create(v.Field(f.index)))
}

func (r *cborReader) item(p *plan, v reflect.Value) error {
	if null, err := r.null(); err != nil || null {
		return orNull(err)
	}
	n := v.Len()
	if n == v.Cap() {
		v.Grow(1)
	}
	v.SetLen(n + 1)
	v.Index(n).SetZero()
	return r.value(p.elem, create(v.Index(n)))
}

func (r *cborReader) entry(p *plan, v reflect.Value) error {
	key, err := r.text(cborText)
	if err != nil {
		return err
	}
	if null, err := r.null(); err != nil || null {
		return orNull(err)
	}
	item := reflect.New(p.typ.Elem()).Elem()
	if err := r.value(p.elem, create(item)); err != nil {
		return err
	}
	v.SetMapIndex(reflect.ValueOf(string(key)), item)
	return nil
}

func orNull(err error) error {
	if err != nil {
		return err
	}
	return errNullElement
}

func (r *cborReader) scalar(s *Shape, v reflect.Value) error {
	switch s.Kind {
	case KindString:
		raw, err := r.text(cborText)
		v.SetString(string(raw))
		return err
	case KindBlob:
		raw, err := r.text(cborBytes)
		v.SetBytes(append([]byte{}, raw...))
		return err
	case KindBoolean:
		return r.boolean(v)
	case KindInteger, KindLong:
		return r.integer(s, v)
	case KindTimestamp:
		return r.timestamp(v)
	}
	f, err := r.number()
	v.SetFloat(f)
	return err
}

func (r *cborReader) boolean(v reflect.Value) error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c != cborTrue && c != cborFalse {
		return errors.New("a CBOR boolean is expected")
	}
	r.pos++
	v.SetBool(c == cborTrue)
	return nil
}

func (r *cborReader) integer(s *Shape, v reflect.Value) error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	if c&0xe0 == cborSimple {
		f, err := r.number()
		if err != nil {
			return err
		}
		if f != math.Trunc(f) || math.Abs(f) > 1<<53 {
			return errors.New("an integer is expected")
		}
		return setWhole(s, v, int64(f))
	}
	major, n, _, err := r.head()
	switch {
	case err != nil:
		return err
	case major != cborUint && major != cborNegative:
		return mismatchCBOR(cborUint)
	case n > math.MaxInt64:
		return errors.New("the integer is out of range")
	case major == cborNegative:
		return setWhole(s, v, -1-int64(n))
	}
	return setWhole(s, v, int64(n))
}

func setWhole(s *Shape, v reflect.Value, n int64) error {
	if s.Kind == KindInteger && (n > math.MaxInt32 || n < math.MinInt32) {
		return errors.New("the integer is out of range")
	}
	v.SetInt(n)
	return nil
}

// number reads any kind of number as a float.
func (r *cborReader) number() (float64, error) {
	c, err := r.peek()
	if err != nil {
		return 0, err
	}
	major, n, open, err := r.head()
	switch {
	case err != nil:
		return 0, err
	case open:
		return 0, errCBORForm
	case major == cborUint:
		return float64(n), nil
	case major == cborNegative:
		return -1 - float64(n), nil
	}
	switch c {
	case cborHalf:
		return halfFloat(uint16(n)), nil
	case cborSingle:
		return float64(math.Float32frombits(uint32(n))), nil
	case cborDouble:
		return math.Float64frombits(n), nil
	}
	return 0, errors.New("a CBOR number is expected")
}

// halfFloat widens an IEEE 754 half-precision number.
func halfFloat(h uint16) float64 {
	exponent, mantissa := int(h>>10&31), float64(h&1023)
	f := math.Ldexp(mantissa+1024, exponent-25)
	switch {
	case exponent == 0:
		f = math.Ldexp(mantissa, -24)
	case exponent == 31 && mantissa == 0:
		f = math.Inf(1)
	case exponent == 31:
		f = math.NaN()
	}
	if h&0x8000 != 0 {
		return -f
	}
	return f
}

func (r *cborReader) timestamp(v reflect.Value) error {
	if c, err := r.peek(); err != nil {
		return err
	} else if c == cborTag|1 {
		r.pos++
	}
	f, err := r.number()
	if err != nil {
		return err
	}
	if math.IsNaN(f) || math.Abs(f) > maxUnix {
		return errors.New("the timestamp is out of range")
	}
	whole := math.Floor(f)
	t, err := unixTime(int64(whole), int64(math.Round((f-whole)*1000))*int64(time.Millisecond))
	if err == nil {
		v.Set(reflect.ValueOf(t))
	}
	return err
}

// skip reads over one value of any kind.
func (r *cborReader) skip() error {
	c, err := r.peek()
	if err != nil {
		return err
	}
	switch major := c & 0xe0; major {
	case cborBytes, cborText:
		_, err := r.text(major)
		return err
	case cborArray:
		return r.each(major, r.skip)
	case cborMap:
		return r.each(major, r.skipPair)
	case cborTag:
		return r.skipTag()
	}
	_, _, open, err := r.head()
	if err == nil && open {
		err = errCBORForm
	}
	return err
}

func (r *cborReader) skipPair() error {
	if err := r.skip(); err != nil {
		return err
	}
	return r.skip()
}

func (r *cborReader) skipTag() error {
	if r.depth++; r.depth > maxDepth {
		return errDepth
	}
	defer func() { r.depth-- }()
	if _, _, _, err := r.head(); err != nil {
		return err
	}
	return r.skip()
}
