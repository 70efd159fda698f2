namespace Gateway.Tests.Support;

/// <summary>A call that is under way.</summary>
internal sealed class TeamCall(RawHttpClient client, string id) : IAsyncDisposable
{
    public RawHttpClient Client => client;

    /// <summary>Its <c>x-fake-id</c>.</summary>
    public string Id => id;

    /// <summary>The answer's head, once it was read.</summary>
    public RawResponse? Head { get; set; }

    public ValueTask DisposeAsync() => client.DisposeAsync();
}
