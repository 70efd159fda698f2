namespace Soak.Chaos.Clients;

/// <summary>One of the SDKs for Node.js.</summary>
internal sealed class NodeSdk(string name, NodeProcess process, params IReadOnlyList<SdkApi> apis) : ISdk
{
    public string Name => $"{name} for Node.js";

    public IReadOnlyList<SdkApi> Apis => apis;

    public async Task<SdkOutcome> CallAsync(SdkCall call, CancellationToken giveUp)
    {
        // The Anthropic SDK adds /v1 by itself.
        var address = name == "anthropic" ? call.Address[..^"/v1".Length] : call.Address;
        var outcome = await process.CallAsync(name, call with { Address = address }, giveUp);

        // The SDKs let the error of fetch through when a stream breaks after its first event.
        return outcome with { IsOwnError = outcome.IsOwnError || outcome is { Error: "TypeError", Message: "terminated" } };
    }
}
