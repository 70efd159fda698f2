namespace Soak.Chaos.Clients;

/// <summary>A call that an SDK makes.</summary>
internal sealed record SdkCall
{
    /// <summary>The id of the call. The id of a request (<c>x-fake-id</c>) is this one and the number of the try.</summary>
    public required string Id { get; init; }

    /// <summary>The scripted fault; <see cref="ChaosCall.None"/> for none.</summary>
    public required string Fault { get; init; }

    public required SdkApi Api { get; init; }

    public required bool Streams { get; init; }

    /// <summary>How often the SDK may try again.</summary>
    public required int Retries { get; init; }

    /// <summary>The key of the team.</summary>
    public required string Key { get; init; }

    /// <summary>The address of the gateway with the prefix of its routes.</summary>
    public required string Address { get; init; }

    /// <summary>The header of its requests that scripts upstream.</summary>
    public (string Name, string Value) Script =>
        Fault == ChaosCall.None ? ("x-fake-events", "3") : ("x-fake-fault", Fault);

    /// <summary>The id of a request.</summary>
    public string IdOf(int tries) => $"{Id}-{Bodies.Number(tries)}";
}
