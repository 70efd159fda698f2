namespace Soak.Chaos.Clients;

/// <summary>An API that SDKs call.</summary>
internal enum SdkApi
{
    Chat,
    Responses,
    Messages,
}
