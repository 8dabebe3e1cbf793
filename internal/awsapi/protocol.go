package awsapi

// Protocol is one of AWS's wire protocols.
type Protocol uint8

const (
	JSON10   Protocol = iota + 1 // awsJson1_0
	JSON11                       // awsJson1_1
	Query                        // awsQuery
	EC2Query                     // ec2Query
	RestJSON                     // restJson1
	RestXML                      // restXml
	CBOR                         // smithy-rpc-v2-cbor
)

var protocolNames = [...]string{"none", "json-1.0", "json-1.1", "query", "ec2", "rest-json", "rest-xml", "rpc-v2-cbor"}

func (p Protocol) String() string {
	if int(p) < len(protocolNames) {
		return protocolNames[p]
	}
	return "unknown"
}
