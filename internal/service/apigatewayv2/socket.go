package apigatewayv2

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	api "cloister/internal/awsapi/apigatewayv2"
	"cloister/internal/awsapi/platform"
	"cloister/internal/door"
	"cloister/internal/gate"
	"cloister/internal/gate/event"
)

// WebSocket APIs
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api.html).
// Whoever may $connect has a connection; each of its messages is decided on anew as
// if it were to connect, so that a permission that is taken away ends it.

// Limits (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html).
const (
	mostMessage = 128 << 10
	idleTime    = 10 * time.Minute
	longestLife = 2 * time.Hour
	sendTime    = 10 * time.Second
	mostSockets = 20_000 // on this node
)

// socket is a connection.
type socket struct {
	id        string
	conn      *websocket.Conn
	r         *http.Request // that made it
	target    gate.Target
	api       string
	stage     string
	principal *door.Principal // nil for nobody
	connected time.Time
	active    atomic.Int64 // when it was last heard of or written to, in Unix milliseconds
	sourceIP  string
}

// sockets are the connections of this node. It is safe for concurrent use.
type sockets struct {
	mu      sync.Mutex
	byID    map[string]*socket
	serving sync.WaitGroup
	closed  bool
}

func newSockets() *sockets { return &sockets{byID: map[string]*socket{}} }

// add keeps a connection, false if there are too many or none is taken any more.
func (k *sockets) add(c *socket) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed || len(k.byID) >= mostSockets {
		return false
	}
	k.byID[c.id] = c
	k.serving.Add(1)
	return true
}

func (k *sockets) remove(c *socket) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.byID, c.id)
	k.serving.Done()
}

// get gives a connection of a stage; nil for none.
func (k *sockets) get(id, api, stage string) *socket {
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.byID[id]; c != nil && c.api == api && c.stage == stage {
		return c
	}
	return nil
}

// goodbye is how long the other sides have to agree to an end.
const goodbye = 2 * time.Second

// close ends all connections and waits until they are gone.
func (k *sockets) close() {
	k.mu.Lock()
	k.closed = true
	for _, c := range k.byID {
		go func() { _ = c.conn.Close(websocket.StatusGoingAway, "") }()
		time.AfterFunc(goodbye, func() { _ = c.conn.CloseNow() })
	}
	k.mu.Unlock()
	k.serving.Wait()
}

// turn is one thing that happens on a connection, or is done to one.
type turn struct {
	kind   string // CONNECT, MESSAGE, DISCONNECT or MANAGE
	socket *socket
	id     string // of the connection to manage
	body   string
	status int
	reason string
	answer *event.Answer // of CONNECT
}

// serveSocket serves a request to a WebSocket API: one that makes a connection, or
// one to a connection.
func (s *Service) serveSocket(w http.ResponseWriter, r *http.Request, t gate.Target, a *served) {
	x := &exchange{w: w, r: r, target: t, began: time.Now(), release: func() {}, api: a}
	path, segments, ok := readPath(t.Path)
	x.path = path
	switch {
	case !ok:
		x.problem = errBadPath
	case a.stages[segments[0]] == nil:
		x.problem = errNotFound
	default:
		x.stage = a.stages[segments[0]]
		if len(segments) == 3 && segments[1] == "@connections" {
			x.turn = &turn{kind: "MANAGE", id: segments[2]}
			break
		}
		x.problem = x.connects(segments)
	}
	if x.problem == nil && x.turn == nil {
		s.connect(x)
		return
	}
	s.serve(x)
}

// connects says whether a request is one to connect, and finds the route.
func (x *exchange) connects(segments []string) error {
	if len(segments) != 1 {
		return errNotFound
	}
	if x.r.Method != http.MethodGet || !strings.EqualFold(x.r.Header.Get("Upgrade"), "websocket") {
		return refusal(http.StatusUpgradeRequired, errors.New("this is no request for a WebSocket"))
	}
	if x.route = x.stage.named("$connect"); x.route == nil {
		return refusal(http.StatusForbidden, errors.New("the stage has no route $connect"))
	}
	return nil
}

// named gives a route of a WebSocket API.
func (st *stage) named(key string) *route {
	for _, r := range st.routes {
		if r.text == key {
			return r
		}
	}
	return nil
}

// connect makes a connection and serves it until it ends.
func (s *Service) connect(x *exchange) {
	c := &socket{id: *newID(16), r: x.r, target: x.target, api: x.api.row.id(), stage: x.stage.name, connected: time.Now()}
	x.turn = &turn{kind: "CONNECT", socket: c}
	requestID, err := s.turn(x)
	if err != nil {
		a := s.answerOf(x, nil, err)
		x.w.Header().Set("Apigw-Requestid", requestID)
		a.Write(x.w, x.r)
		x.status = a.Status
		s.logAccess(x, requestID, x.sourceIP)
		return
	}
	c.sourceIP = x.sourceIP
	var protocols []string
	if x.turn.answer != nil {
		protocols = x.turn.answer.Header.Values("Sec-Websocket-Protocol")
	}
	// Whether another origin may connect is the route's matter, as on AWS.
	conn, err := websocket.Accept(x.w, x.r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled, Subprotocols: protocols})
	if err != nil {
		return
	}
	c.conn = conn
	conn.SetReadLimit(mostMessage)
	if !s.sockets.add(c) {
		_ = conn.Close(websocket.StatusTryAgainLater, "")
		return
	}
	x.status = http.StatusSwitchingProtocols
	s.logAccess(x, requestID, x.sourceIP)
	x.turn, x.header = nil, nil
	status, reason := s.listen(c)
	s.sockets.remove(c)
	s.event(c, &turn{kind: "DISCONNECT", socket: c, status: status, reason: reason}, "$disconnect")
}

// listen takes messages until the connection ends, and says why it did.
func (s *Service) listen(c *socket) (status int, reason string) {
	defer func() { _ = c.conn.CloseNow() }()
	life, cancel := context.WithTimeout(context.Background(), longestLife)
	defer cancel()
	c.touch()
	for {
		ctx, done := context.WithTimeout(life, idleTime)
		kind, data, err := c.conn.Read(ctx)
		done()
		var closed websocket.CloseError
		switch {
		case errors.As(err, &closed):
			return int(closed.Code), closed.Reason
		case err != nil && ctx.Err() != nil:
			_ = c.conn.Close(websocket.StatusGoingAway, "Going away")
			return int(websocket.StatusGoingAway), "Going away"
		case err != nil:
			return int(websocket.StatusAbnormalClosure), "Connection Closed Abnormally"
		case kind != websocket.MessageText:
			_ = c.conn.Close(websocket.StatusUnsupportedData, "")
			return int(websocket.StatusUnsupportedData), "Unsupported data"
		}
		c.touch()
		s.message(c, string(data))
	}
}

func (c *socket) touch() { c.active.Store(time.Now().UnixMilli()) }

// message takes a message to its route.
func (s *Service) message(c *socket, body string) {
	key := "$default"
	a, err := s.memory.get(c.r.Context(), c.api)
	if err == nil && a != nil {
		if st := a.stages[c.stage]; st != nil {
			selected := selectRoute(val(a.row.API.RouteSelectionExpression), body)
			if selected != "" && !strings.HasPrefix(selected, "$") && st.named(selected) != nil {
				key = selected
			}
		}
	}
	s.event(c, &turn{kind: "MESSAGE", socket: c, body: body}, key)
}

// selectRoute gives what a selection expression is of a message, "" for nothing.
func selectRoute(expression, body string) string {
	return inBody([]byte(body), strings.TrimPrefix(strings.TrimPrefix(strings.TrimSuffix(strings.Replace(expression, "${", "$", 1), "}"), "$request.body"), "."))
}

// event has a route handle what happened. What goes wrong with a message its
// sender is told, as on AWS.
func (s *Service) event(c *socket, t *turn, key string) {
	x := &exchange{r: c.r.WithContext(context.WithoutCancel(c.r.Context())), target: c.target, began: time.Now(), release: func() {}, turn: t}
	x.problem = s.findEvent(x, c, key)
	requestID, err := s.turn(x)
	if err == nil || t.kind != "MESSAGE" {
		return
	}
	a := s.answerOf(x, nil, err)
	text, err := json.Marshal(map[string]string{"message": message(a.Status), "connectionId": c.id, "requestId": requestID})
	if err == nil {
		_ = c.send(text)
	}
}

func (s *Service) findEvent(x *exchange, c *socket, key string) error {
	a, err := s.memory.get(x.r.Context(), c.api)
	if err != nil {
		return err
	}
	if a == nil || a.stages[c.stage] == nil {
		return errNotFound
	}
	x.api, x.stage = a, a.stages[c.stage]
	x.path = "/"
	if x.route = x.stage.named(key); x.route == nil {
		return refusal(http.StatusForbidden, errors.New("the stage has no such route"))
	}
	return nil
}

// turn takes what happens through the door.
func (s *Service) turn(x *exchange) (requestID string, err error) {
	in := &platform.InvokeAPIRequest{APIID: x.target.Name, Method: x.turn.kind, Path: x.path, Exchange: x}
	region := ""
	if x.api != nil {
		in.APIID, region = x.api.row.id(), x.api.row.Region
	}
	if x.stage != nil {
		in.Stage = x.stage.name
	}
	if x.route != nil {
		in.RouteKey = x.route.text
	}
	_, requestID, err = door.Enter(s.door, x.r, platform.OpInvokeAPI, region, in)
	x.release()
	return requestID, err
}

// send writes a text to the other side.
func (c *socket) send(text []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), sendTime)
	defer cancel()
	c.touch()
	return c.conn.Write(ctx, websocket.MessageText, text)
}

// identifyTurn finds out who calls: whoever signed, or who connected.
func (s *Service) identifyTurn(c *door.Call, x *exchange) error {
	if !s.allowed(x) {
		return errThrottle
	}
	switch x.turn.kind {
	case "MANAGE":
		if err := s.readBody(x); err != nil {
			return err
		}
		return c.Signed(x.r, "execute-api", x.body)
	case "CONNECT":
		if x.route.kind == api.AuthorizationTypeAwsIam {
			if err := c.Signed(x.r, "execute-api", nil); err != nil {
				return err
			}
			x.turn.socket.principal = c.Principal
		}
	default:
		if p := x.turn.socket.principal; p != nil {
			c.Principal, c.Account = p, p.Account
		}
	}
	return nil
}

// resolveTurn is the permission to connect, also for what happens later; or to
// manage a connection. What has happened already, nobody needs a permission for but
// the route's own.
func (s *Service) resolveTurn(c *door.Call, x *exchange) ([]door.Need, error) {
	now, err := s.memory.get(c, x.api.row.id())
	if err != nil {
		return nil, err
	}
	if now == nil || now.stages[x.stage.name] == nil {
		return nil, errNotFound
	}
	arn, account := now.row.executeARN(x.stage.name), now.row.Account
	if x.turn.kind == "MANAGE" {
		return []door.Need{{Action: "execute-api:ManageConnections", Resource: arn + "/" + x.r.Method + "/@connections/" + x.turn.id, Account: account}}, nil
	}
	connect := now.stages[x.stage.name].named("$connect")
	if connect == nil {
		return nil, nil
	}
	return []door.Need{{Action: invokeAction, Resource: arn + "/$connect", Account: account, ResourcePolicy: connect.policy}}, nil
}

// handleTurn does what the turn is about.
func (s *Service) handleTurn(c *door.Call, x *exchange) (*event.Answer, error) {
	if x.turn.kind == "MANAGE" {
		return s.manage(x)
	}
	if x.route.integration == nil {
		if x.turn.kind == "MESSAGE" {
			return nil, refusal(http.StatusInternalServerError, errors.New("the route has no integration"))
		}
		return nil, nil
	}
	payload, err := event.ForSocket(x.socketEvent(c))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(c, time.Duration(or(x.route.integration.TimeoutInMillis, 29_000))*time.Millisecond)
	defer cancel()
	answer, err := s.invoke(ctx, x, val(x.route.integration.IntegrationUri), x.route.source, payload)
	if ctx.Err() != nil && c.Err() == nil {
		return nil, refusal(http.StatusGatewayTimeout, ctx.Err())
	}
	if err != nil || x.turn.kind != "CONNECT" {
		return nil, err
	}
	read, err := event.AnswerV1(answer)
	if err != nil {
		return nil, refusal(http.StatusBadGateway, err)
	}
	if read.Status > 299 {
		return nil, refusal(read.Status, fmt.Errorf("the function refused the connection with %d", read.Status))
	}
	x.turn.answer = read
	return read, nil
}

func (x *exchange) socketEvent(c *door.Call) *event.Socket {
	t := x.turn
	e := &event.Socket{
		Kind: t.kind, RouteKey: x.route.text, ConnectionID: t.socket.id, Connected: t.socket.connected, Body: t.body,
		Header: plain(x.r.Header), Query: x.r.URL.RawQuery, API: x.api.row.id(), Stage: x.stage.name, DomainName: x.target.Host,
		RequestID: c.RequestID, Time: c.Time, SourceIP: c.SourceIP, UserAgent: x.r.UserAgent(), Variables: x.stage.variables, Status: t.status, Reason: t.reason,
	}
	if p := t.socket.principal; p != nil {
		e.UserARN, e.AccountID = p.ARN, p.Account
	}
	return e
}

// manage does what an application asks for about a connection
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-how-to-call-websocket-api-connections.html).
func (s *Service) manage(x *exchange) (*event.Answer, error) {
	c := s.sockets.get(x.turn.id, x.api.row.id(), x.stage.name)
	if c == nil {
		return gone(), nil
	}
	switch x.r.Method {
	case http.MethodPost:
		if len(x.body) > mostMessage {
			return nil, refusal(http.StatusRequestEntityTooLarge, errors.New("the message is too large"))
		}
		if err := c.send(x.body); err != nil {
			slog.Debug("a message could not be sent", "error", err)
			return gone(), nil
		}
		return &event.Answer{Status: http.StatusOK, Header: http.Header{}}, nil
	case http.MethodGet:
		text, err := json.Marshal(map[string]any{
			"connectedAt": c.connected.UTC().Format(time.RFC3339), "lastActiveAt": time.UnixMilli(c.active.Load()).UTC().Format(time.RFC3339),
			"identity": map[string]string{"sourceIp": c.sourceIP, "userAgent": c.r.UserAgent()},
		})
		return &event.Answer{Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Body: text}, err
	case http.MethodDelete:
		go func() { _ = c.conn.Close(websocket.StatusNormalClosure, "") }()
		return &event.Answer{Status: http.StatusNoContent, Header: http.Header{}}, nil
	}
	return nil, errNotFound
}

// gone is the answer about a connection that there is not.
func gone() *event.Answer {
	return &event.Answer{Status: http.StatusGone, Header: http.Header{"Content-Type": {"application/json"}, "X-Amzn-Errortype": {"GoneException"}}, Body: []byte(`{"message":null}`)}
}
