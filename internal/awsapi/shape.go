package awsapi

import "sync/atomic"

// Kind says what a shape holds, and so which Go type does.
type Kind uint8

const (
	KindStructure Kind = iota // struct, by pointer in members
	KindList                  // []T
	KindMap                   // map[string]T
	KindString                // *string (string inside lists and maps)
	KindInteger               // *int64
	KindLong                  // *int64
	KindFloat                 // *float64
	KindDouble                // *float64
	KindBoolean               // *bool
	KindTimestamp             // *time.Time
	KindBlob                  // []byte; io.Reader where the model says streaming
)

// Trait is a set of marks on a shape or on a member.
type Trait uint16

const (
	Sensitive    Trait = 1 << iota // never shown: not in messages, not in the audit log
	Streaming                      // a blob that is read or written as it comes
	EventStream                    // a structure whose members are the events of a stream
	Flattened                      // a list or map without its wrapping element
	Required                       // a member that must be present
	XMLAttribute                   // a member written as an attribute
	JSONValue                      // a string that holds JSON (base64 in headers)
	EventPayload                   // a member that is an event's whole payload
	EventHeader                    // a member that is one of an event's headers; its Location is InHeader
	Exception                      // an error structure
	HostLabel                      // also a part of the host name
)

// Location says where in an HTTP message a member stands.
type Location uint8

const (
	InBody Location = iota
	InHeader
	InHeaders // a map of all headers with a prefix
	InURI
	InQuery // a member, or a map of all other parameters
	InStatus
)

// TimeFormat is how a timestamp is written; TimeDefault leaves it to the
// protocol and the place.
type TimeFormat uint8

const (
	TimeDefault TimeFormat = iota
	TimeISO8601
	TimeUnix
	TimeRFC822
)

// A Shape is one type of a service's model. Generated; immutable apart from its
// lazily compiled codec plan.
type Shape struct {
	Name    string
	Kind    Kind
	Traits  Trait
	Time    TimeFormat
	Members []Member // of a structure, in the model's order
	Elem    *Member  // of a list, or a map's value
	Key     *Member  // of a map
	Limits  *Limits  // nil where the model has none
	Payload string   // name of the member that is the whole body, or ""
	Error   *ErrorInfo
	XML     *XMLNamespace

	plan atomic.Pointer[plan] // the codec's view of the Go type that holds it
}

// Is says whether the shape carries every given trait.
func (s *Shape) Is(t Trait) bool { return s.Traits&t == t }

// A Member is a structure's field, a list's element, or a map's key or value.
type Member struct {
	Name         string
	Shape        *Shape
	Traits       Trait
	Location     Location
	Time         TimeFormat
	LocationName string // name on the wire where it differs from Name, or ""
	QueryName    string // ec2Query's own name, or ""
	XML          *XMLNamespace
}

// Is says whether the member, or its shape, carries every given trait.
func (m *Member) Is(t Trait) bool { return (m.Traits|m.Shape.Traits)&t == t }

// wire is the member's name on the wire.
func (m *Member) wire() string {
	if m.LocationName != "" {
		return m.LocationName
	}
	return m.Name
}

// XMLNamespace is the namespace an element declares.
type XMLNamespace struct{ Prefix, URI string }

// Limits are a shape's constraints: length for strings, blobs, lists and maps,
// value for numbers.
type Limits struct {
	HasMin, HasMax bool
	Min, Max       float64
	Pattern        string
	Enum           []string // in the model's order

	compiled atomic.Pointer[pattern]
}

// ErrorInfo is what the model says of an error structure.
type ErrorInfo struct {
	Code   string // the query protocol's code where it differs from the shape's name, or ""
	Status int    // 0 means 400, or 500 for a fault of the server
	Fault  bool   // the server's fault, not the sender's
}
