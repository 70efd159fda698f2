using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenRouterGateway.Transforms;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Tests.Transforms;

/// <summary>The programs of the package's README, compiled; <see cref="PackageReadmeTests"/> compares the two.</summary>
internal static class ReadmeExample
{
    public static WebApplication BuildFromConfiguration(string[] args)
    {
        // <configuration>
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddReverseProxy()
            .LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"))
            .AddProviderMapping(builder.Configuration.GetSection("ProviderMapping"));

        var app = builder.Build();
        app.MapReverseProxy(proxy =>
        {
            // Reads the bodies of routes with the transform; all other bodies are streamed.
            proxy.UseProviderMapping();
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });

        // </configuration>
        return app;
    }

    public static void AddFromCode(IReverseProxyBuilder proxy)
    {
        // <code>
        var defaults = ProviderMappingRules.Parse("""
            { "Rules": [ { "Model": "anthropic/*", "Provider": { "order": ["anthropic", "google-vertex"] } } ] }
            """);
        var strict = new ProviderMappingRules(
            rules: [ProviderRule.Parse("""{ "Name": "zdr", "Model": "*", "Provider": { "zdr": true }, "WhenClientSetsProvider": "Enforce" }""")],
            aliases: [ModelAlias.Parse("""{ "Model": "gpt-4o", "Use": "openai/gpt-4o" }""")]);

        proxy.AddProviderMapping(options =>
        {
            options.Rules = context => context.User.IsInRole("trial") ? strict : defaults;
            options.RuleSets["Strict"] = _ => strict;
            options.MaxRequestBodySize = _ => 20 * 1024 * 1024;
        });

        // </code>
    }

    public static ProviderMappingRules? Check(string json)
    {
        // <problems>
        var problems = new List<RuleProblem>();
        if (!ProviderMappingRules.TryParse(json, problems, out var rules))
        {
            Console.Error.WriteLine("The rules were not taken over:");
        }

        foreach (var problem in problems)
        {
            Console.Error.WriteLine($"{(problem.IsWarning ? "warning" : "fault")}: {problem.Path}: {problem.Message}");
        }

        // </problems>
        return rules;
    }

    public static void Log(WebApplication app)
    {
#pragma warning disable CA1848, CA1873 // An example shows the plain call.
        // <feature>
        app.MapReverseProxy(proxy =>
        {
            proxy.UseProviderMapping();
            proxy.Use((context, next) =>
            {
                if (context.Features.Get<IProviderMappingFeature>() is { } mapping)
                {
                    app.Logger.LogInformation(
                        "{Asked} is sent as {Sent} under {Rules}",
                        mapping.Facts.RequestedModel,
                        mapping.Decision.SentModel,
                        mapping.Decision.AppliedRules);
                }

                return next(context);
            });
            proxy.UseLoadBalancing();
        });

        // </feature>
#pragma warning restore CA1848, CA1873
    }
}
