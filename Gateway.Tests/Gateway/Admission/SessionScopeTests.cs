using System.Security.Cryptography;
using System.Text;
using Gateway.Admission;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: a session belongs to one team, and is derived from the source that OpenRouter would use.</summary>
public sealed class SessionScopeTests
{
    private const string Opening = """[{"role":"system","content":"s"},{"role":"user","content":"u"}""";

    /// <summary>The body, the client's header, the endpoint and the bytes that name the session; null for no session.</summary>
    public static TheoryData<string, string, object, string?> Sources => new()
    {
        { """{"session_id":"a","prompt_cache_key":"c","messages":[]}""", "h", RequestEndpoint.Generation, "\"a\"" },
        { """{"prompt_cache_key":"c","messages":[]}""", "h", RequestEndpoint.Generation, "h" },
        { """{"prompt_cache_key":"c","messages":[]}""", "", RequestEndpoint.Generation, "\"c\"" },
        { """{"session_id":7,"prompt_cache_key":null,"messages":"m"}""", "", RequestEndpoint.Generation, "\"m\"" },
        { """{"session_id":"a","session_id":"b"}""", "", RequestEndpoint.Generation, "\"b\"" },
        { """{"input":"i"}""", "", RequestEndpoint.Generation, "\"i\"" },
        { """{"input":"i","messages":"m"}""", "", RequestEndpoint.Generation, "\"m\"" },
        { """{"messages":"m","input":"i"}""", "", RequestEndpoint.Generation, "\"m\"" },
        { """{"model":"x"}""", "", RequestEndpoint.Generation, null },
        { """{"input":"i"}""", "", RequestEndpoint.Embeddings, null },
        { """{"input":"i"}""", "", RequestEndpoint.Images, null },
        { """{"messages":[]}""", "", RequestEndpoint.Generation, "[]" },
        { $$"""{"messages":{{Opening}}]}""", "", RequestEndpoint.Generation, Opening },
        { $$"""{"messages":{{Opening}},{"role":"assistant","content":"a"},{"role":"user","content":"v"}]}""", "", RequestEndpoint.Generation, Opening },
        { """{"messages":[{"role":"user"},{"role":"user"}]}""", "", RequestEndpoint.Generation, """[{"role":"user"}""" },
        { """{"messages":[{"content":{"role":"user"},"role":"user"},1]}""", "", RequestEndpoint.Generation, """[{"content":{"role":"user"},"role":"user"}""" },
        { """{"messages":[{"role":"user","content":[{"type":"text"}]},1]}""", "", RequestEndpoint.Generation, """[{"role":"user","content":[{"type":"text"}]}""" },
        { """{"messages":[{"role":"system"},{"role":"tool"}]}""", "", RequestEndpoint.Generation, """[{"role":"system"},{"role":"tool"}]""" },
        { """{"messages":[{"role":7},{"rule":"user"},["role","user"],2]}""", "", RequestEndpoint.Generation, """[{"role":7},{"rule":"user"},["role","user"],2]""" },
        { """{"messages":["role","user",1]}""", "", RequestEndpoint.Generation, """["role","user",1]""" },
    };

    [Theory]
    [MemberData(nameof(Sources))]
    public void Session_IsTheHashOfTheFirstSource(string body, string header, object endpoint, string? source)
    {
        var (session, edit) = SessionScope.Apply("team", header, ReviewedBody.Create(body, (RequestEndpoint)endpoint));

        Assert.Equal(source is null ? null : Scoped("team", source), session);
        Assert.Equal(body.Contains("session_id\":\"", StringComparison.Ordinal), edit is not null);
    }

    [Fact]
    public void SessionInTheBody_IsReplacedAsAString()
    {
        const string Body = """{"session_id":"mine","model":"m"}""";
        var (session, edit) = SessionScope.Apply("team", default, ReviewedBody.Create(Body));

        var sent = Body.Remove(edit!.Value.Offset, edit.Value.Remove).Insert(edit.Value.Offset, Encoding.UTF8.GetString(edit.Value.Insert.Span));

        Assert.Equal($$"""{"session_id":"{{session}}","model":"m"}""", sent);
    }

    [Fact]
    public void Teams_ShareNoSession()
    {
        var request = ReviewedBody.Create("""{"session_id":"mine"}""");

        Assert.NotEqual(SessionScope.Apply("a", default, request).Session![^32..], SessionScope.Apply("b", default, request).Session![^32..]);
    }

    // The gateway reads the first 256 KiB of the messages.
    [Theory]
    [InlineData(256 * 1024)]
    [InlineData((256 * 1024) + 1)]
    public void LongOpening_IsHashedUpToItsLimit(int length)
    {
        var messages = $$"""[{"content":"{{new string('x', length - 16)}}"}]""";
        Assert.Equal(length, messages.Length);

        var (session, _) = SessionScope.Apply("team", default, ReviewedBody.Create($$"""{"messages":{{messages}}}"""));

        Assert.Equal(Scoped("team", messages[..(256 * 1024)]), session);
    }

    [Fact]
    public void UserMessageBeyondTheLimit_IsHashedUpToTheLimit()
    {
        var messages = $$"""[{"role":"user","content":"{{new string('x', 256 * 1024)}}"}]""";

        var (session, _) = SessionScope.Apply("team", default, ReviewedBody.Create($$"""{"messages":{{messages}}}"""));

        Assert.Equal(Scoped("team", messages[..(256 * 1024)]), session);
    }

    [Fact]
    public void MessagesThatNestTooDeeply_AreHashedAsAWhole()
    {
        var messages = $$"""[{{new string('[', 70)}}{{new string(']', 70)}},{"role":"user"},1]""";

        var (session, _) = SessionScope.Apply("team", default, ReviewedBody.Create($$"""{"messages":{{messages}}}"""));

        Assert.Equal(Scoped("team", messages), session);
    }

    private static string Scoped(string team, string source) =>
        $"{team}-{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{team}\0{source}")))[..32]}";
}
