namespace Gateway.Secrets;

/// <summary>An OpenRouter key. Only <see cref="Reveal"/> returns it, so that it is not formatted into text by accident.</summary>
internal sealed class UpstreamKey(string value)
{
    /// <summary>The key, for the header that carries it upstream and nothing else.</summary>
    public string Reveal() => value;

    /// <inheritdoc />
    public override string ToString() => "(secret)";
}
