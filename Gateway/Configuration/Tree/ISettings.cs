namespace Gateway.Configuration.Tree;

/// <summary>A settings record.</summary>
/// <typeparam name="TSelf">The record.</typeparam>
internal interface ISettings<TSelf>
    where TSelf : class, ISettings<TSelf>
{
    /// <summary>Creates the record from its members. The function names every member once, in the order of the documentation.</summary>
    static abstract TSelf Create(SettingsMembers members);
}
