using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Hosting;
using OpenRouterGateway.Transforms.ProviderMapping.Settings;
using OpenRouterGateway.Transforms.RequestBody;
using Yarp.ReverseProxy.Transforms.Builder;

namespace OpenRouterGateway.Transforms;

/// <summary>Adds the provider mapping to a YARP host.</summary>
public static class ProviderMappingExtensions
{
    /// <summary>
    /// Adds the route transform <c>ProviderMapping</c>, with rules and aliases from a configuration section. The section is checked
    /// strictly and read again when its change token fires; see the package's README for its shape.
    /// </summary>
    /// <remarks>
    /// A fault at start throws from <see cref="UseProviderMapping"/>. After a faulty reload the last valid rules stay in effect and one
    /// error is logged. <see cref="ProviderMappingOptions.Rules"/> or <see cref="ProviderMappingOptions.RuleSets"/> set in code after this
    /// call take precedence over the section.
    /// </remarks>
    /// <param name="builder">The host's reverse proxy.</param>
    /// <param name="section">The section, such as <c>configuration.GetSection("ProviderMapping")</c>.</param>
    /// <returns><paramref name="builder"/>.</returns>
    public static IReverseProxyBuilder AddProviderMapping(this IReverseProxyBuilder builder, IConfiguration section)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(section);
        builder.Services.AddSingleton(services => new ConfiguredRuleSets(
            section, services.GetRequiredService<ILogger<ConfiguredRuleSets>>()));
        builder.Services.AddOptions<ProviderMappingOptions>().Configure<ConfiguredRuleSets>(static (options, configured) =>
        {
            options.Rules = _ => configured.Default;
            options.Configured = configured;
        });
        return builder.AddCore();
    }

    /// <summary>Adds the route transform <c>ProviderMapping</c>, with rules and limits set in code.</summary>
    /// <param name="builder">The host's reverse proxy.</param>
    /// <param name="configure">Sets the options.</param>
    /// <returns><paramref name="builder"/>.</returns>
    public static IReverseProxyBuilder AddProviderMapping(this IReverseProxyBuilder builder, Action<ProviderMappingOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(builder);
        ArgumentNullException.ThrowIfNull(configure);
        builder.Services.Configure(configure);
        return builder.AddCore();
    }

    /// <summary>
    /// Adds the middleware that reads and checks the bodies of routes with the transform and applies the rules. Call it in
    /// <c>MapReverseProxy(proxy => …)</c>, before load balancing. A route with the transform is a fault at start if the pipeline lacks
    /// this middleware.
    /// </summary>
    /// <param name="proxy">The proxy's pipeline.</param>
    /// <returns><paramref name="proxy"/>.</returns>
    /// <exception cref="InvalidOperationException">
    /// <c>AddProviderMapping</c> was not called, or its configuration section has faults; the message lists all of them.
    /// </exception>
    public static IReverseProxyApplicationBuilder UseProviderMapping(this IReverseProxyApplicationBuilder proxy)
    {
        ArgumentNullException.ThrowIfNull(proxy);
        var pipeline = proxy.ApplicationServices.GetService<ProviderMappingPipeline>()
            ?? throw new InvalidOperationException($"Call {nameof(AddProviderMapping)} on the host's reverse proxy first.");

        // Reads the configuration section now, so that its faults are not wrapped in an error about YARP's routes.
        _ = proxy.ApplicationServices.GetRequiredService<IOptions<ProviderMappingOptions>>().Value;
        pipeline.HasMiddleware = true;
        proxy.UseMiddleware<ProviderMappingMiddleware>();
        return proxy;
    }

    private static IReverseProxyBuilder AddCore(this IReverseProxyBuilder builder)
    {
        builder.Services.TryAddSingleton<ProviderMappingPipeline>();
        builder.Services.TryAddSingleton<RuleSetResolver>();
        builder.Services.TryAddSingleton(static services =>
        {
            var options = services.GetRequiredService<IOptions<ProviderMappingOptions>>().Value;
            return new RequestBodyMemory(
                options.RequestBodyMemory, options.MaxWaitingBodies, services.GetService<TimeProvider>() ?? TimeProvider.System);
        });
        builder.Services.TryAddEnumerable(ServiceDescriptor.Singleton<ITransformFactory, ProviderMappingTransformFactory>());
        return builder;
    }
}
