namespace Gateway.Reports;

/// <summary>The arguments of <c>explain</c>; at least one of <see cref="Model"/> and <see cref="BodyPath"/> is set.</summary>
internal sealed record ExplainArguments
{
    /// <summary>The requested model (<c>--model</c>); <see langword="null"/> if the body names it.</summary>
    public string? Model { get; init; }

    /// <summary>The path of a file with the request body (<c>--body</c>), as given; <see langword="null"/> for a minimal body.</summary>
    public string? BodyPath { get; init; }

    /// <summary>The request path (<c>--path</c>).</summary>
    public string RequestPath { get; init; } = "/v1/chat/completions";

    /// <summary>The team that sends the request (<c>--team</c>); <see langword="null"/> for a caller without one.</summary>
    public string? Team { get; init; }

    /// <summary>The label of the team's key that the request carries (<c>--key</c>); <see langword="null"/> for an unknown one.</summary>
    public string? Key { get; init; }
}
