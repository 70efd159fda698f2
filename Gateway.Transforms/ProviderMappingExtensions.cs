using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms;

/// <summary>Puts the provider mapping into a YARP host.</summary>
public static class ProviderMappingExtensions
{
    /// <summary>Makes the transform <c>{ "ProviderMapping": "Default" }</c> known, for routes in the settings or in code.</summary>
    /// <param name="builder">The host's reverse proxy.</param>
    /// <param name="configure">Sets where the rules come from.</param>
    /// <returns><paramref name="builder"/>.</returns>
    public static IReverseProxyBuilder AddProviderMapping(
        this IReverseProxyBuilder builder, Action<ProviderMappingOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        builder.Services.TryAddSingleton<RequestBodyStep>();
        builder.Services.TryAddSingleton(static services => new RequestBodyMemory(
            services.GetRequiredService<IOptions<ProviderMappingOptions>>().Value.RequestBodyMemory,
            services.GetService<TimeProvider>() ?? TimeProvider.System));
        if (configure is not null)
        {
            builder.Services.Configure(configure);
        }

        return builder.AddTransformFactory<ProviderMappingTransformFactory>();
    }

    /// <summary>
    /// Adds the step that reads and checks the bodies of routes with the transform and applies the rules to them. Put it into
    /// <c>MapReverseProxy(proxy => …)</c> before load balancing. A route with the transform in a host without the step is a fault at
    /// start.
    /// </summary>
    /// <param name="proxy">The proxy's pipeline.</param>
    /// <returns><paramref name="proxy"/>.</returns>
    /// <exception cref="InvalidOperationException"><see cref="AddProviderMapping"/> was not called.</exception>
    public static IReverseProxyApplicationBuilder UseProviderMapping(this IReverseProxyApplicationBuilder proxy)
    {
        ArgumentNullException.ThrowIfNull(proxy);
        var step = proxy.ApplicationServices.GetService<RequestBodyStep>()
            ?? throw new InvalidOperationException($"Call {nameof(AddProviderMapping)} on the host's reverse proxy first.");
        step.IsInPipeline = true;
        proxy.UseMiddleware<ProviderMappingMiddleware>();
        return proxy;
    }
}
