using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using OpenRouterGateway.Transforms;
using OpenRouterGateway.Transforms.ProviderMapping;

namespace Gateway.Tests.Transforms;

/// <summary>The program of the package's README, compiled; <see cref="PackageReadmeTests"/> holds the two together.</summary>
internal static class ReadmeExample
{
    public static WebApplication Build(string[] args)
    {
        // <example>
        var builder = WebApplication.CreateBuilder(args);

        // Rules are checked and rendered once; a request only matches names and splices bytes.
        var problems = new List<RuleProblem>();
        using var block = JsonDocument.Parse("""{ "only": ["mistral", "azure"], "data_collection": "deny" }""");
        ProviderRule?[] rules =
        [
            ProviderRule.ParseMapping("anthropic/*=Anthropic,Google", "claude", problems),
            ProviderRule.Create("eu-only", ["mistralai/*", "openai/*"], block.RootElement, WhenClientSetsProvider.Enforce, problems),
        ];
        var alias = ModelAlias.Create("gpt-4o", "openai/gpt-4o", ["mistralai/mistral-large"], problems);
        foreach (var problem in problems)
        {
            Console.Error.WriteLine($"{(problem.IsWarning ? "warning" : "fault")}: {problem.Path}: {problem.Message}");
        }

        var mapping = new ProviderMappingRules([.. rules.OfType<ProviderRule>()], alias is null ? [] : [alias]);

        builder.Services.AddReverseProxy()
            .LoadFromConfig(builder.Configuration.GetSection("ReverseProxy"))
            .AddProviderMapping(options => options.Rules = _ => mapping);

        var app = builder.Build();
        app.MapReverseProxy(proxy =>
        {
            // Reads the bodies of routes with the transform; all others stream through.
            proxy.UseProviderMapping();
            proxy.UseSessionAffinity();
            proxy.UseLoadBalancing();
            proxy.UsePassiveHealthChecks();
        });

        // </example>
        return app;
    }
}
