namespace Gateway.Secrets;

/// <summary>
/// A secret of the settings: a connection string, a token. It cannot be formatted into text by accident: only <see cref="Reveal"/> gives it
/// away.
/// </summary>
internal sealed class SecretText(string value)
{
    /// <summary>The secret itself, for what it is a secret to and for nothing else.</summary>
    public string Reveal() => value;

    /// <inheritdoc />
    public override string ToString() => "(secret)";
}
