package cognitoidp

import (
	"cloister/internal/awsapi"
	api "cloister/internal/awsapi/cognitoidp"
	"cloister/internal/door"
	"cloister/internal/store"
)

func (s *Service) registerServers(d *door.Door) {
	door.Write(d, api.OpCreateResourceServer, onPool("CreateResourceServer", func(in *api.CreateResourceServerRequest) *string { return in.UserPoolId }), s.createServer)
	door.Read(d, api.OpDescribeResourceServer, onPool("DescribeResourceServer", func(in *api.DescribeResourceServerRequest) *string { return in.UserPoolId }), s.describeServer)
	door.Read(d, api.OpListResourceServers, onPool("ListResourceServers", func(in *api.ListResourceServersRequest) *string { return in.UserPoolId }), s.listServers)
	door.Write(d, api.OpUpdateResourceServer, onPool("UpdateResourceServer", func(in *api.UpdateResourceServerRequest) *string { return in.UserPoolId }), s.updateServer)
	door.Write(d, api.OpDeleteResourceServer, onPool("DeleteResourceServer", func(in *api.DeleteResourceServerRequest) *string { return in.UserPoolId }), s.deleteServer)
}

func (rs *resourceServer) key() store.Key { return store.K(rs.Pool, rs.Identifier) }

func (rs *resourceServer) shown() *api.ResourceServerType {
	out := &api.ResourceServerType{UserPoolId: &rs.Pool, Identifier: &rs.Identifier, Name: &rs.Name}
	for _, one := range rs.Scopes {
		out.Scopes = append(out.Scopes, &api.ResourceServerScopeType{ScopeName: ptr(one.Name), ScopeDescription: ptr(one.Description)})
	}
	return out
}

func scopesOf(given []*api.ResourceServerScopeType) (all []scope, err error) {
	seen := map[string]bool{}
	for _, one := range given {
		if seen[val(one.ScopeName)] {
			return nil, invalid("Duplicate scope: %s", val(one.ScopeName))
		}
		seen[val(one.ScopeName)] = true
		all = append(all, scope{val(one.ScopeName), val(one.ScopeDescription)})
	}
	return all, nil
}

func serverOf(c *door.Call, r store.Reader, id, identifier *string) (*resourceServer, error) {
	p, err := poolOf(c, r, id)
	if err != nil {
		return nil, err
	}
	rs, err := servers.Get(r, store.K(p.ID, val(identifier)))
	if isMissing(err) {
		return nil, notFound("Resource server %s does not exist.", val(identifier))
	}
	return rs, err
}

func (s *Service) createServer(c *door.Call, tx *store.Tx, in *api.CreateResourceServerRequest) (*api.CreateResourceServerResponse, error) {
	p, err := poolOf(c, tx, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	rs := &resourceServer{Pool: p.ID, Identifier: val(in.Identifier), Name: val(in.Name)}
	if rs.Scopes, err = scopesOf(in.Scopes); err != nil {
		return nil, err
	}
	if _, err := servers.Get(tx, rs.key()); err == nil {
		return nil, invalid("%s already exists in user pool %s.", rs.Identifier, p.ID)
	} else if !isMissing(err) {
		return nil, err
	}
	return &api.CreateResourceServerResponse{ResourceServer: rs.shown()}, servers.Insert(tx, rs.key(), rs)
}

func (s *Service) describeServer(c *door.Call, r store.Reader, in *api.DescribeResourceServerRequest) (*api.DescribeResourceServerResponse, error) {
	rs, err := serverOf(c, r, in.UserPoolId, in.Identifier)
	if err != nil {
		return nil, err
	}
	return &api.DescribeResourceServerResponse{ResourceServer: rs.shown()}, nil
}

func (s *Service) listServers(c *door.Call, r store.Reader, in *api.ListResourceServersRequest) (*api.ListResourceServersResponse, error) {
	p, err := poolOf(c, r, in.UserPoolId)
	if err != nil {
		return nil, err
	}
	after, err := parseToken(in.NextToken)
	if err != nil {
		return nil, err
	}
	found, next, err := page(servers.Scan(r, p.key(), after), or(in.MaxResults, 50), nil)
	if err != nil {
		return nil, err
	}
	out := &api.ListResourceServersResponse{ResourceServers: []*api.ResourceServerType{}, NextToken: next}
	for _, rs := range found {
		out.ResourceServers = append(out.ResourceServers, rs.shown())
	}
	return out, nil
}

func (s *Service) updateServer(c *door.Call, tx *store.Tx, in *api.UpdateResourceServerRequest) (*api.UpdateResourceServerResponse, error) {
	rs, err := serverOf(c, tx, in.UserPoolId, in.Identifier)
	if err != nil {
		return nil, err
	}
	rs.Name = val(in.Name)
	if rs.Scopes, err = scopesOf(in.Scopes); err != nil {
		return nil, err
	}
	return &api.UpdateResourceServerResponse{ResourceServer: rs.shown()}, servers.Put(tx, rs.key(), rs)
}

func (s *Service) deleteServer(c *door.Call, tx *store.Tx, in *api.DeleteResourceServerRequest) (*awsapi.None, error) {
	rs, err := serverOf(c, tx, in.UserPoolId, in.Identifier)
	if err != nil {
		return nil, err
	}
	return &awsapi.None{}, servers.Delete(tx, rs.key())
}
