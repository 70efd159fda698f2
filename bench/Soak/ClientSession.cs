using System.Text;

namespace Soak;

/// <summary>A client from call to call: its random numbers, its connection, its deadline, and the requests that it makes.</summary>
internal sealed class ClientSession : IDisposable
{
    public const string ChatPath = "/v1/chat/completions";

    private readonly Prng _calls;
    private readonly KeptConnection _kept;

    /// <param name="target">The gateway.</param>
    /// <param name="seed">The seed of all calls.</param>
    public ClientSession(Target target, ulong seed)
    {
        Target = target;
        _calls = new Prng(seed);
        _kept = new KeptConnection(target.Port);
    }

    public Target Target { get; }

    /// <summary>The random numbers of the current call.</summary>
    public Prng Prng { get; private set; } = new(0);

    /// <summary>The deadline of the current call.</summary>
    public CancellationToken Deadline { get; set; }

    /// <summary>The status of the current call's response; 0 if there is none.</summary>
    public int Status { get; private set; }

    /// <summary>Whether a connection is kept.</summary>
    public bool IsConnected => _kept.IsOpen;

    public static byte[] Utf8(string text) => Encoding.UTF8.GetBytes(text);

    public string Chat() => Bodies.Chat(Prng, Prng.Between(10, 1000), stream: false);

    public string OrdinaryKey() => SoakSettings.KeyOf(SoakSettings.Ordinary, Prng);

    public string Head(string path, int length, params string[] script) => RequestHead.Post(path, length, OrdinaryKey(), script);

    /// <summary>Begins the next call.</summary>
    public void Next()
    {
        Prng = new Prng(_calls.Next());
        Status = 0;
    }

    public Task<Answer> PostAsync(string path, byte[] body, string key, params string[] script) =>
        ExchangeAsync(RequestHead.Post(path, body.Length, key, script), body);

    public Task<Answer> ChatAsync(string body, string key, params string[] script) => PostAsync(ChatPath, Utf8(body), key, script);

    /// <summary>
    /// Sends a request on the kept connection if there is one, and reads its response. The gateway keeps a connection longer than any client
    /// here is idle, so it must still be open.
    /// </summary>
    public async Task<Answer> ExchangeAsync(string head, ReadOnlyMemory<byte> body)
    {
        var connection = await _kept.GetAsync(Deadline);
        await connection.SendAsync(head, Deadline);
        await connection.SendAsync(body, Deadline);
        var answer = await ReadAsync(connection);
        if (!answer.KeepsConnection || Prng.Chance(15))
        {
            Drop(reset: Prng.Chance(20));
        }

        return answer;
    }

    public async Task<Answer> ReadAsync(ClientConnection connection)
    {
        var answer = await connection.ReadAnswerAsync(Deadline);
        Status = answer.Status;
        return answer;
    }

    /// <summary>Opens a connection that is not kept.</summary>
    public Task<ClientConnection> ConnectAsync() => ClientConnection.OpenAsync(Target.Port, Deadline);

    /// <summary>Closes the kept connection.</summary>
    public void Drop(bool reset) => _kept.Drop(reset);

    public void Dispose() => _kept.Dispose();
}
