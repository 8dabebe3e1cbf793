package door

import (
	"errors"
	"io"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"cloister/internal/awsapi"
)

// budget is the memory that the bodies of all requests in flight may take. It
// is charged for what has come, not for what is announced, so that to hold it
// takes sending it. Safe for concurrent use.
type budget struct {
	most int64
	used atomic.Int64
}

// smallBody is the size up to which a body may take the last eighth of the
// budget: large ones do not keep small ones out.
const smallBody = 1 << 20

// take charges n bytes for a body that then has size bytes in all.
func (b *budget) take(n, size int64) bool {
	ceiling := b.most
	if size > smallBody {
		ceiling -= b.most / 8
	}
	if b.used.Add(n) > ceiling {
		b.used.Add(-n)
		return false
	}
	return true
}

// intake reads the body of one request, once.
type intake struct {
	request *http.Request
	control *http.ResponseController
	budget  *budget
	limit   int64
	op      *awsapi.Operation // for the message; nil when not known
	whole   bool              // the body was read to its end
	held    int64             // of the budget
	refused func(reason string)
}

func (d *Door) newIntake(w http.ResponseWriter, r *http.Request) *intake {
	return &intake{request: r, control: http.NewResponseController(w), budget: &d.bodies, refused: d.refused}
}

// setDeadline does nothing where the connection knows no deadlines, as in tests.
func (in *intake) setDeadline(t time.Time) { _ = in.control.SetReadDeadline(t) }

// limitRest bounds the time that what is left of a refused request's body can
// hold its connection.
func (in *intake) limitRest() {
	if in.request.ContentLength != 0 && !in.whole {
		in.setDeadline(time.Now().Add(bodyTime))
	}
}

// release gives back what the body took, when the request is over: what was
// decoded from it may still be made of its bytes.
func (in *intake) release() { in.budget.used.Add(-in.held) }

// plain reads the body as it came.
func (in *intake) plain() ([]byte, error) { return in.read(in.request.Body) }

// read reads the body through r, which may decode and verify it: at most limit
// bytes, in the time that so many may take, while the budget lasts. The error
// of a verifying reader is a refusal of the caller.
func (in *intake) read(r io.Reader) ([]byte, error) {
	size := in.request.ContentLength
	if size > in.limit {
		in.refused("body-size")
		return nil, tooLarge(in.op, in.limit)
	}
	if size != 0 {
		in.setDeadline(time.Now().Add(timeFor(in.expected())))
	}
	body, err := in.readAll(r, size)
	if err != nil {
		err = bodyError(err)
		in.count(err)
		return nil, err
	}
	in.whole = true
	if size != 0 {
		in.setDeadline(time.Time{}) // or it would end the call, which takes its time
	}
	return body, nil
}

// expected is the declared size or, without one, the most there may be.
func (in *intake) expected() int64 {
	if in.request.ContentLength < 0 {
		return in.limit
	}
	return in.request.ContentLength
}

func (in *intake) readAll(r io.Reader, size int64) ([]byte, error) {
	var buf []byte
	for {
		if len(buf) == cap(buf) {
			var err error
			if buf, err = in.grow(buf, size); err != nil {
				return nil, err
			}
		}
		n, err := r.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		switch {
		case int64(len(buf)) > in.limit:
			return nil, tooLarge(in.op, in.limit)
		case err == io.EOF:
			return buf, nil
		case err != nil:
			return nil, err
		}
	}
}

// grow doubles buf, up to what the body is declared to have and a byte for its
// end.
func (in *intake) grow(buf []byte, size int64) ([]byte, error) {
	have := int64(cap(buf))
	next := max(2*have, 4<<10)
	if have == 0 && size >= 0 {
		next = min(size+1, 64<<10)
	} else if size >= have {
		next = min(next, size+1)
	}
	next = min(next, max(in.limit, have)+1)
	if !in.budget.take(next-have, next) {
		return nil, tooMany()
	}
	in.held += next - have
	return append(make([]byte, 0, next), buf...), nil
}

// count counts what is a client's abuse.
func (in *intake) count(err error) {
	var wire *awsapi.Error
	if !errors.As(err, &wire) {
		return
	}
	switch wire.Status {
	case http.StatusRequestEntityTooLarge:
		in.refused("body-size")
	case http.StatusRequestTimeout:
		in.refused("body-time")
	case http.StatusServiceUnavailable:
		in.refused("body-memory")
	}
}

// bodyError is what the caller is told of a body that could not be read.
func bodyError(err error) error {
	var wire *awsapi.Error
	switch {
	case errors.As(err, &wire):
		return wire
	case errors.Is(err, os.ErrDeadlineExceeded):
		return tooSlow(err)
	}
	return badRequest(err)
}
