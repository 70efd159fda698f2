using OpenRouterGateway.Transforms;
using OpenRouterGateway.Transforms.ProviderMapping;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddReverseProxy()
    .LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"))
    .AddProviderMapping(builder.Configuration.GetSection("ProviderMapping"));
var app = builder.Build();
app.MapGet("/", () => "This program has endpoints of its own beside the proxy.");
app.MapReverseProxy(proxy =>
{
    proxy.UseProviderMapping(); // Reads the bodies of routes with the transform; all other bodies are streamed.
    proxy.Use((context, next) =>
    {
        context.Response.Headers["x-applied-rules"] = context.Features.Get<IProviderMappingFeature>()?.Decision.AppliedRules;
        return next(context);
    });
    proxy.UseLoadBalancing();
});
app.Run();
