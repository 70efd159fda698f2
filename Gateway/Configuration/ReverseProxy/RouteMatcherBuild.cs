using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Microsoft.AspNetCore.Routing.Constraints;
using Microsoft.AspNetCore.Routing.Patterns;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>
/// Builds ASP.NET's matcher over the routes. The first request would build it otherwise: a constraint that does not exist, or a host with an odd
/// port, would make each request a 500, also those of other routes.
/// </summary>
internal static class RouteMatcherBuild
{
    /// <summary>Checks the routes together, and names those at fault.</summary>
    /// <param name="services">Services with routing, as the gateway has it.</param>
    /// <param name="routes">The routes, without those that are known to be at fault.</param>
    /// <param name="faults">Receives the faults.</param>
    public static async ValueTask CheckAsync(IServiceProvider services, IReadOnlyList<RouteConfig> routes, List<SettingsFault> faults)
    {
        if (await TryAsync(services, routes) is not { } whole)
        {
            return;
        }

        var before = faults.Count;
        foreach (var route in routes)
        {
            if (await TryAsync(services, [route]) is { } fault)
            {
                faults.Add(new SettingsFault($"{SettingsSchema.ReverseProxy}:Routes:{route.RouteId}:Match", fault));
            }
        }

        if (faults.Count == before)
        {
            faults.Add(new SettingsFault($"{SettingsSchema.ReverseProxy}:Routes", whole));
        }
    }

    private static async ValueTask<string?> TryAsync(IServiceProvider services, IReadOnlyList<RouteConfig> routes)
    {
        try
        {
            var app = new ApplicationBuilder(services);
            app.UseRouting();
            app.UseEndpoints(endpoints => endpoints.DataSources.Add(new DefaultEndpointDataSource(routes.Select(EndpointOf))));
            await app.Build()(new DefaultHttpContext { RequestServices = services });
            BuildExpressions(services.GetRequiredService<ParameterPolicyFactory>(), routes);
            return null;
        }
#pragma warning disable CA1031 // Constraints and policies may throw any exception, which would recur for every request.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            return ReverseProxyDryRun.Sentence(fault);
        }
    }

    // The matcher leaves regular expressions to the first request that meets them.
    private static void BuildExpressions(ParameterPolicyFactory policies, IReadOnlyList<RouteConfig> routes)
    {
        foreach (var parameter in routes.SelectMany(static route => PatternOf(route).Parameters))
        {
            foreach (var policy in parameter.ParameterPolicies)
            {
                _ = (policies.Create(parameter, policy) as RegexRouteConstraint)?.Constraint;
            }
        }
    }

    private static RoutePattern PatternOf(RouteConfig route) => RoutePatternFactory.Parse(route.Match.Path ?? "/{**catchall}");

    // As YARP builds it, without the conditions on headers and queries, which YARP has validated.
    private static RouteEndpoint EndpointOf(RouteConfig route)
    {
        var endpoint = new RouteEndpointBuilder(static _ => Task.CompletedTask, PatternOf(route), route.Order ?? 0);
        if (route.Match.Hosts is { Count: > 0 } hosts)
        {
            endpoint.Metadata.Add(new HostAttribute([.. hosts]));
        }

        if (route.Match.Methods is { Count: > 0 } methods)
        {
            endpoint.Metadata.Add(new HttpMethodMetadata(methods));
        }

        return (RouteEndpoint)endpoint.Build();
    }
}
