using System.Text.Json;
using Gateway.Admin;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Xunit;

namespace Gateway.Tests.Gateway.Admin;

/// <summary>
/// Promise: <c>/admin/openapi.json</c> is a valid OpenAPI document, and describes every endpoint of the admin address and its actual
/// responses.
/// </summary>
public sealed class OpenApiDocumentTests : IAsyncLifetime
{
    private TeamGateway _team = null!;
    private HttpClient _admin = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """
                "Limits": { "RequestsPerMinute": 60, "TokensPerMinute": 100000, "ConcurrentRequests": 5 }, "Budget": { "Usd": 1, "Period": "Day" }
                """,
            KeyMore = """, "Expires": "2100-01-01T00:00:00Z", "Budget": { "Usd": 0.5, "Period": "Week" } """,
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        });
        _admin = await _team.Gateway.AdminClientAsync();
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        await _team.DisposeAsync();
    }

    [Fact]
    public async Task Document_IsValid_AndHasEveryEndpoint()
    {
        var document = await ReadAsync();
        Assert.SkipWhen(_team.Gateway.RunningProcess is not null, "The route table is inside the test process.");
        var endpoints = _team.Gateway.Services.GetRequiredService<AdminHost>().Endpoints.OfType<RouteEndpoint>()
            .Where(endpoint => endpoint.RoutePattern.RawText is { } path
                && (path.StartsWith("/admin/", StringComparison.Ordinal) || path is "/metrics" or "/health/live"))
            .SelectMany(endpoint => endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods
                .Where(method => method != "HEAD")
                .Select(method => $"{method} {endpoint.RoutePattern.RawText}"))
            .ToList();

        Assert.Superset(
            new HashSet<string>
            {
                "GET /admin/usage", "GET /admin/requests", "GET /admin/requests/{id}", "GET /admin/teams", "GET /admin/health", "GET /admin/rules",
                "POST /admin/explain", "GET /admin/openapi.json", "GET /metrics", "GET /health/live",
            },
            endpoints.ToHashSet());
        Assert.Equal(
            endpoints.Order(StringComparer.Ordinal),
            Operations(document).Select(operation => operation.Name).Order(StringComparer.Ordinal));
        Assert.All(Operations(document), operation =>
        {
            Assert.NotEmpty(operation.Operation.Summary!);
            Assert.NotEmpty(operation.Operation.OperationId!);
            Assert.All(operation.Operation.Responses!["200"].Content!.Values, content => Assert.NotNull(content.Schema));
            Assert.IsType<OpenApiSchemaReference>(operation.Operation.Responses["default"].Content!["application/json"].Schema);
            Assert.Equal(
                operation.Name.Split('{').Skip(1).Select(part => part.Split('}')[0]),
                (operation.Operation.Parameters ?? []).Where(parameter => parameter.In == ParameterLocation.Path).Select(parameter => parameter.Name!));
        });
        Assert.Equal(
            Operations(document).Count(), Operations(document).Select(operation => operation.Operation.OperationId).Distinct().Count());
    }

    [Theory]
    [InlineData("/admin/requests", "team=search&model=x&code=x&status=200&since=1h&limit=1")]
    [InlineData("/admin/usage", "group=team&team=search&key=ci&model=x&from=2026-11-01&to=2026-11-02&last=1d&unresolved=true")]
    public async Task Parameters_AreThoseThatTheEndpointKnows(string path, string query)
    {
        var parameters = (await ReadAsync()).Paths[path].Operations![HttpMethod.Get].Parameters!;
        var known = query.Split('&').Select(pair => pair.Split('=')).ToDictionary(pair => pair[0], pair => pair[1]);

        Assert.Equal(known.Keys.Order(StringComparer.Ordinal), parameters.Select(parameter => parameter.Name!).Order(StringComparer.Ordinal));
        foreach (var (name, value) in known)
        {
            using var answer = await _admin.GetAsync($"{path}?{name}={value}", Stop);
            Assert.Equal(200, (int)answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("/admin/requests", "/admin/requests?limit=10")]
    [InlineData("/admin/requests/{id}", "")]
    [InlineData("/admin/teams", "/admin/teams")]
    [InlineData("/admin/usage", "/admin/usage?group=team,key,model,provider,rule,day,month")]
    [InlineData("/admin/health", "/admin/health")]
    [InlineData("/health/live", "/health/live")]
    public async Task Answer_IsWhatItsSchemaSays(string path, string request)
    {
        var call = await _team.ChatAsync();
        var id = call.Head.Header("x-request-id")!;
        await Eventually.TrueAsync(
            async () => (await _admin.GetStringAsync("/admin/requests", Stop)).Contains(id, StringComparison.Ordinal), "the call");
        var schema = (await ReadAsync()).Paths[path].Operations![HttpMethod.Get].Responses!["200"].Content!["application/json"].Schema!;

        using var json = JsonDocument.Parse(await _admin.GetStringAsync(request.Length > 0 ? request : "/admin/requests/" + id, Stop));

        var members = new HashSet<string>();
        Check(schema, json.RootElement, "$", members);
        Assert.NotEmpty(members);
    }

    [Fact]
    public async Task Explanation_HasTheMembersOfItsSchema()
    {
        var schema = (await ReadAsync()).Paths["/admin/explain"].Operations![HttpMethod.Post].Responses!["200"].Content!["application/json"].Schema!;
        using var question = new StringContent(
            $$"""{"team":"search","model":"{{TeamGateway.Model}}"}""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));

        using var answer = await _admin.PostAsync("/admin/explain", question, Stop);

        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        var members = json.RootElement.EnumerateObject().Select(static member => member.Name).ToHashSet();
        Assert.Contains("key_budget", members);
        Assert.Subset(schema.Properties!.Keys.ToHashSet(), members);
    }

    private async Task<Microsoft.OpenApi.OpenApiDocument> ReadAsync()
    {
        var result = Microsoft.OpenApi.OpenApiDocument.Parse(await _admin.GetStringAsync("/admin/openapi.json", Stop), "json");
        Assert.Empty(result.Diagnostic!.Errors);
        Assert.Empty(result.Diagnostic.Warnings);
        Assert.Equal(OpenApiSpecVersion.OpenApi3_1, result.Diagnostic.SpecificationVersion);
        return result.Document!;
    }

    private static IEnumerable<(string Name, OpenApiOperation Operation)> Operations(Microsoft.OpenApi.OpenApiDocument document) =>
        document.Paths.SelectMany(path => path.Value.Operations!.Select(operation => ($"{operation.Key.Method} {path.Key}", operation.Value)));

    /// <summary>Checks a value against a schema, and that every member of it is one that the schema knows.</summary>
    private static void Check(IOpenApiSchema schema, JsonElement value, string at, HashSet<string> members)
    {
        var type = value.ValueKind switch
        {
            JsonValueKind.Object => JsonSchemaType.Object,
            JsonValueKind.Array => JsonSchemaType.Array,
            JsonValueKind.String => JsonSchemaType.String,
            JsonValueKind.Number => JsonSchemaType.Number,
            JsonValueKind.True or JsonValueKind.False => JsonSchemaType.Boolean,
            _ => JsonSchemaType.Null,
        };
        var allowed = schema.Type ?? default;
        Assert.True(allowed.HasFlag(type) || (type == JsonSchemaType.Number && allowed.HasFlag(JsonSchemaType.Integer) && value.TryGetInt64(out _)), $"{at} is {value}, expected {allowed}");
        if (type == JsonSchemaType.Object)
        {
            Assert.All(schema.Required ?? new HashSet<string>(), name => Assert.True(value.TryGetProperty(name, out _), $"{at} has no {name}"));
            foreach (var member in value.EnumerateObject())
            {
                Assert.True(schema.Properties!.TryGetValue(member.Name, out var inner), $"{at}.{member.Name} is not in the schema");
                members.Add(member.Name);
                Check(inner!, member.Value, $"{at}.{member.Name}", members);
            }
        }
        else if (type == JsonSchemaType.Array)
        {
            foreach (var item in value.EnumerateArray())
            {
                Check(schema.Items!, item, at + "[]", members);
            }
        }
    }
}
