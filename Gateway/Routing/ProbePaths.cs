using Microsoft.AspNetCore.Routing.Template;

namespace Gateway.Routing;

/// <summary>The paths that the gateway answers by itself, without a key: its greeting and the health probes.</summary>
internal static class ProbePaths
{
    public const string Greeting = "/";
    public const string Health = "/health";
    public const string Live = "/health/live";
    public const string Ready = "/health/ready";

    private static readonly TemplateMatcher[] Matchers =
        [.. ((string[])[Greeting, Health, Live, Ready]).Select(static path => new TemplateMatcher(TemplateParser.Parse(path), []))];

    /// <summary>The methods that they take.</summary>
    public static IReadOnlyList<string> Methods { get; } = [HttpMethods.Get, HttpMethods.Head];

    /// <summary>The methods that a path takes as one of these; none if it is another.</summary>
    public static IReadOnlyList<string> MethodsOf(PathString path) =>
        Array.Exists(Matchers, matcher => matcher.TryMatch(path, [])) ? Methods : [];
}
