using System.Globalization;

namespace HopBenchmark;

/// <summary>The amount of a measured gateway's settings.</summary>
internal sealed record GatewayShape
{
    /// <summary>The number of rules, at least ten; the default is that of all scenarios but those about rules.</summary>
    public int Rules { get; init; } = 10;

    /// <summary>The number of teams. With any, all features are on: requests are metered and written to a ledger.</summary>
    public int Teams { get; init; }

    /// <summary>The number of keys of each team.</summary>
    public int KeysPerTeam { get; init; } = 1;

    /// <summary>The folder of the ledger; <see langword="null"/> for an empty one.</summary>
    public string? Data { get; init; }

    /// <summary>The number of idle connections that are not closed; <see langword="null"/> for the gateway's defaults.</summary>
    public int? IdleConnections { get; init; }

    /// <summary>The number of processors that the gateway may use; <see langword="null"/> for all.</summary>
    public int? Processors { get; init; }

    /// <summary>The keys of all teams, those of the first team first.</summary>
    public IReadOnlyList<string> Keys =>
    [
        .. Enumerable.Range(0, Teams * KeysPerTeam)
            .Select(i => "ogw-bench-" + i.ToString("D5", CultureInfo.InvariantCulture) + new string('0', 31)),
    ];
}
