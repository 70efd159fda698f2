using Gateway.Routing;
using Gateway.Teams;
using Gateway.Tests.Support;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Tests.Gateway.Teams;

public sealed class TeamEndpointsTests
{
    [Theory]
    [InlineData("POST", "/videos", true)]
    [InlineData("POST", "/Videos/", true)]
    [InlineData("POST", "/chat/completions", false)]
    [InlineData("GET", "/videos/models", false)]
    [InlineData("GET", "/videos/job-1", false)]
    public void NewVideo_IsAJobOfItsTeam(string method, string path, bool isJob) =>
        Assert.Equal(isJob, Find(method, path, out _)!.OrdersAJob);

    [Theory]
    [InlineData("/VIDEOS/job-1/Content", true)]
    [InlineData("/videos/job-1./content", true)]
    [InlineData("/videos/.job-1/content", false)]
    [InlineData("/videos/job-1/other", false)]
    public void PathWithAnId_IsMatchedBySegments(string path, bool isOpen) => Assert.Equal(isOpen, Find("GET", path, out _) is not null);

    [Theory]
    [InlineData("POST", "/chat/completions", "/chat/completions", true)]
    [InlineData("POST", "/Chat/COMPLETIONS/", "/chat/completions", true)]
    [InlineData("POST", "/completions", "/completions", true)]
    [InlineData("POST", "/responses", "/responses", true)]
    [InlineData("POST", "/messages", "/messages", true)]
    [InlineData("POST", "/embeddings", "/embeddings", true)]
    [InlineData("POST", "/rerank", "/rerank", true)]
    [InlineData("POST", "/images", "/images", true)]
    [InlineData("POST", "/images/generations", "/images/generations", true)]
    [InlineData("POST", "/audio/speech", "/audio/speech", true)]
    [InlineData("POST", "/audio/transcriptions", "/audio/transcriptions", true)]
    [InlineData("POST", "/audio/translations", "/audio/translations", true)]
    [InlineData("POST", "/videos", "/videos", true)]
    [InlineData("POST", "/messages/count_tokens", "/messages/count_tokens", false)]
    [InlineData("GET", "/models", "/models", false)]
    [InlineData("HEAD", "/models/", "/models", false)]
    [InlineData("GET", "/models/count", "/models/count", false)]
    [InlineData("GET", "/models/user", "/models/user", false)]
    [InlineData("GET", "/models/meta-llama/llama-3.1-8b:free/endpoints", "/models/{author}/{slug}/endpoints", false)]
    [InlineData("GET", "/model/~anthropic/claude-latest", "/model/{author}/{slug}", false)]
    [InlineData("GET", "/embeddings/models", "/embeddings/models", false)]
    [InlineData("GET", "/images/models", "/images/models", false)]
    [InlineData("GET", "/images/models/a/b/endpoints", "/images/models/{author}/{slug}/endpoints", false)]
    [InlineData("GET", "/videos/models", "/videos/models", false)]
    [InlineData("GET", "/providers", "/providers", false)]
    [InlineData("GET", "/endpoints/zdr", "/endpoints/zdr", false)]
    [InlineData("GET", "/benchmarks", "/benchmarks", false)]
    [InlineData("GET", "/classifications/task", "/classifications/task", false)]
    [InlineData("GET", "/datasets/app-rankings", "/datasets/app-rankings", false)]
    [InlineData("GET", "/datasets/rankings-daily", "/datasets/rankings-daily", false)]
    [InlineData("GET", "/datasets/session-cost", "/datasets/session-cost", false)]
    [InlineData("GET", "/generation", "/generation", false)]
    [InlineData("GET", "/videos/job-1", "/videos/{id}", false)]
    [InlineData("GET", "/videos/job-1/content", "/videos/{id}/content", false)]
    [InlineData("GET", "/Key/", "/key", false)]
    [InlineData("GET", "/auth/key", "/auth/key", false)]
    [InlineData("GET", "/credits", "/credits", false)]
    public void ListedEndpoint_IsOpen(string method, string path, string expected, bool isMetered)
    {
        var endpoint = Find(method, path, out var id);

        Assert.Equal((expected, isMetered), (endpoint?.Path, endpoint?.IsMetered));
        Assert.Equal(expected.Contains("{id}", StringComparison.Ordinal) ? "job-1" : null, id);
    }

    [Theory]
    [InlineData("GET", "/chat/completions")]
    [InlineData("HEAD", "/chat/completions")]
    [InlineData("post", "/chat/completions")]
    [InlineData("PUT", "/chat/completions")]
    [InlineData("CONNECT", "/chat/completions")]
    [InlineData("OPTIONS", "/models")]
    [InlineData("POST", "/models")]
    [InlineData("POST", "/chat/completions/x")]
    [InlineData("POST", "/chat/completions//")]
    [InlineData("POST", "chat/completions")]
    [InlineData("POST", "/chat/completions;x")]
    [InlineData("POST", "/chat/completions ")]
    [InlineData("POST", "/chat/./completions")]
    [InlineData("POST", "/x/../chat/completions")]
    [InlineData("POST", "/cursor/chat/completions")]
    [InlineData("POST", "/api/v1/chat/completions")]
    [InlineData("GET", "/models/openai/gpt-4o")]
    [InlineData("GET", "/models/a/../endpoints")]
    [InlineData("GET", "/models/../keys/endpoints")]
    [InlineData("GET", "/models/a/%2e%2e/endpoints")]
    [InlineData("GET", "/models/a//endpoints")]
    [InlineData("GET", "/models/a/b%2F..%2F..%2Fkeys/endpoints")]
    [InlineData("GET", "/model/a/b/c")]
    [InlineData("GET", "/videos/..")]
    [InlineData("GET", "/videos/.")]
    [InlineData("GET", "/videos/a b")]
    [InlineData("GET", "/videos/a?b")]
    [InlineData("DELETE", "/videos/job-1")]
    [InlineData("HEAD", "/generation")]
    [InlineData("POST", "/generation")]
    [InlineData("GET", "/generation/content")]
    [InlineData("POST", "/generation/feedback")]
    [InlineData("GET", "/keys")]
    [InlineData("POST", "/keys")]
    [InlineData("DELETE", "/keys/abc")]
    [InlineData("GET", "/activity")]
    [InlineData("HEAD", "/key")]
    [InlineData("POST", "/key")]
    [InlineData("GET", "/key/abc")]
    [InlineData("GET", "/credits/coinbase")]
    [InlineData("POST", "/credits")]
    [InlineData("POST", "/auth/keys")]
    [InlineData("GET", "/byok")]
    [InlineData("GET", "/guardrails")]
    [InlineData("GET", "/presets/x")]
    [InlineData("POST", "/presets/x/chat/completions")]
    [InlineData("GET", "/observability/destinations")]
    [InlineData("GET", "/workspaces")]
    [InlineData("GET", "/scim/v2/Users")]
    [InlineData("GET", "/organization/members")]
    [InlineData("POST", "/analytics/query")]
    [InlineData("GET", "/files")]
    [InlineData("POST", "/files")]
    [InlineData("POST", "/beta/batches")]
    [InlineData("GET", "/")]
    [InlineData("GET", "")]
    public void EverythingElse_IsClosed(string method, string path) => Assert.Null(Find(method, path, out _));

    [Fact]
    public void Documentation_ListsEveryOpenEndpoint()
    {
        var document = File.ReadAllText(Path.Combine(Repository.Root, "docs", "configuration.md"));
        var start = document.IndexOf("These endpoints are open to a team", StringComparison.Ordinal);
        var list = document[start..document.IndexOf("Everything else is a 403", start, StringComparison.Ordinal)]
            .Replace("?id=ID", "", StringComparison.Ordinal);

        Assert.All(TeamEndpoints.All, row => Assert.Contains($"`{row.Endpoint.Path}`", list, StringComparison.Ordinal));
        Assert.Equal(TeamEndpoints.All.Select(row => row.Endpoint.Path).Distinct().Count(), list.Split('`').Length / 2);
    }

    private static TeamEndpoint? Find(string method, string path, out string? id) =>
        TeamEndpoints.Find(path, out id) is { } endpoint && endpoint.Takes(method) ? endpoint : null;

    public static TheoryData<string[], string, string?> Transforms => new()
    {
        { [], "/v1/models", "/v1/models" },
        { ["PathRemovePrefix=/v1"], "/v1/models", "/models" },
        { ["PathRemovePrefix=v1"], "/v1/models", "/models" },
        { ["PathRemovePrefix=/V1"], "/v1/models/", "/models/" },
        { ["PathRemovePrefix=/v1"], "/v1x/models", "/v1x/models" },
        { ["PathRemovePrefix=/v1"], "/v1", "" },
        { ["PathPrefix=/a", "PathRemovePrefix=/a/b"], "/b/c", "/c" },
        { ["PathSet=/keys"], "/v1/models", "/keys" },
        { ["PathSet=keys", "PathPrefix=x"], "/v1/models", "/x/keys" },
        { ["RequestHeader=a", "ProviderMapping=Default"], "/models", "/models" },
        { ["PathPattern=/{**rest}"], "/models", null },
        { ["PathRemovePrefix=/api", "BaseAddress=WithoutVersion"], "/api/models", null },
        { ["HttpMethodChange=GET"], "/models", null },
    };

    [Theory]
    [MemberData(nameof(Transforms))]
    public void UpstreamPath_IsWhatTheRouteMakesOfIt(string[] transforms, string path, string? expected)
    {
        var route = new RouteConfig
        {
            RouteId = "r",
            Transforms =
            [
                .. transforms.Select(transform => transform.Split('=')).Select(pair =>
                    new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase) { [pair[0].ToLowerInvariant()] = pair[1] }),
            ],
        };

        var actual = UpstreamPath.Compile(route).Of(path);

        Assert.Equal(expected, actual is null ? null : actual.Value.Value ?? "");
    }
}
