package main

import (
	"net/http"

	connectv1 "connectrpc.com/connect"
	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	connectcors "connectrpc.com/cors"
	"connectrpc.com/grpchealth"
	"connectrpc.com/grpcreflect/v2"
	"connectrpc.com/otelconnect"
	"connectrpc.com/validate"
	"github.com/rs/cors"

	greetv1 "github.com/oidcrpc/oidcrpc/examples/greet/v1"
	greetv1connect "github.com/oidcrpc/oidcrpc/examples/greet/v1/greetv1connectv2"
)

// newConnectHandler serves greetings, health checks and reflection. The health checks are made
// for connect-go v1, since they exist for nothing newer.
func (a *app) newConnectHandler() (http.Handler, error) {
	telemetry, err := otelconnect.NewServerInterceptor()
	if err != nil {
		return nil, err
	}
	server := connect.NewServer(
		telemetry,
		validate.NewServerInterceptor(validate.WithValidator(names{})),
	)
	greetv1connect.RegisterGreetServiceHandler(server, connectGreeter{})
	grpcreflect.Register(server)
	mux := http.NewServeMux()
	connecthttp.Mount(mux, server)

	healthTelemetry, err := otelconnect.NewInterceptor()
	if err != nil {
		return nil, err
	}
	mux.Handle(grpchealth.NewHandler(
		grpchealth.NewStaticChecker(greetv1.GreetService_ServiceDesc.ServiceName),
		connectv1.WithInterceptors(healthTelemetry),
	))
	return a.allowBrowsers(mux), nil
}

// allowBrowsers lets pages of other origins call the handler.
func (a *app) allowBrowsers(handler http.Handler) http.Handler {
	return cors.New(cors.Options{
		AllowedOrigins: []string{"https://page.example"},
		AllowedMethods: connectcors.AllowedMethods(),
		AllowedHeaders: connectcors.AllowedHeaders(),
		ExposedHeaders: connectcors.ExposedHeaders(),
	}).Handler(handler)
}
