namespace Gateway.Secrets;

/// <summary>
/// A secret of the settings, such as a connection string or a token. Only <see cref="Reveal"/> returns the text, so that it cannot be
/// formatted into a message by accident.
/// </summary>
internal sealed class SecretText(string value)
{
    /// <summary>The text of the secret.</summary>
    public string Reveal() => value;

    /// <inheritdoc />
    public override string ToString() => "(secret)";
}
