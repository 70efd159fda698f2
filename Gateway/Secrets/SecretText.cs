namespace Gateway.Secrets;

/// <summary>
/// A secret of the settings, such as a connection string or a token. Only <see cref="Reveal"/> returns it, so that it is not formatted into
/// text by accident.
/// </summary>
internal sealed class SecretText(string value)
{
    /// <summary>The secret, for its one use.</summary>
    public string Reveal() => value;

    /// <inheritdoc />
    public override string ToString() => "(secret)";
}
