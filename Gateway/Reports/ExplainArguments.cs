namespace Gateway.Reports;

/// <summary>What <c>explain</c> is to explain; at least one of <see cref="Model"/> and <see cref="BodyPath"/> is set.</summary>
internal sealed record ExplainArguments
{
    /// <summary>The model asked for (<c>--model</c>); <see langword="null"/> when the body names it.</summary>
    public string? Model { get; init; }

    /// <summary>A file that holds the request's body (<c>--body</c>), as given; <see langword="null"/> for a minimal body.</summary>
    public string? BodyPath { get; init; }

    /// <summary>The path that the request goes to (<c>--path</c>).</summary>
    public string RequestPath { get; init; } = "/v1/chat/completions";

    /// <summary>The team that asks (<c>--team</c>); <see langword="null"/> for a caller without one.</summary>
    public string? Team { get; init; }
}
