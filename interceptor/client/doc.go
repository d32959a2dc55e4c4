// Package client gives RPC clients an access token that is always fresh, and tells them why a
// server refused one:
//
//	config := clientcredentials.Config{ClientID: "shop", ClientSecret: secret, TokenURL: tokenURL}
//	tokens := client.NewSource(config.Token)
//	conn, err := grpc.NewClient(target, grpcauth.ClientOptions(tokens, grpc.WithTransportCredentials(creds))...)
//
// With Connect, NewClientInterceptor in package connectauth takes the same tokens.
//
// A [Source] asks for the next token before the current one expires, and hides an outage of the
// token endpoint while that one lives. A call whose token the server refuses, though another
// could do, is sent once more with a new one. A call that is refused all the same fails with a
// [Refusal], and a call for which there is no token with a [TokenError]:
//
//	if refusal, ok := errors.AsType[*client.Refusal](err); ok {
//		log.Printf("the call needs the scopes %q", refusal.Scopes)
//	}
//
// With [WithAuthorize] a user can grant such scopes, or log in again, while the call waits. With
// [WithDPoP] a stolen token is worth nothing to its thief.
package client
