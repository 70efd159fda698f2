namespace Gateway.Secrets;

/// <summary>An OpenRouter key. It cannot be formatted into text by accident: only <see cref="Reveal"/> gives it away.</summary>
internal sealed class UpstreamKey(string value)
{
    /// <summary>The key itself, for the header that carries it upstream and for nothing else.</summary>
    public string Reveal() => value;

    /// <inheritdoc />
    public override string ToString() => "(secret)";
}
