namespace Gateway.Secrets;

/// <summary>
/// An OpenRouter key. Only <see cref="Reveal"/> returns the text, so that it cannot be formatted into a message by accident.
/// </summary>
internal sealed class UpstreamKey(string value)
{
    /// <summary>The text of the key, for the header of a request to upstream only.</summary>
    public string Reveal() => value;

    /// <inheritdoc />
    public override string ToString() => "(secret)";
}
