/** The plain page at `/`: the fleet as the API shows it, looked at every two seconds. All text is set as text. */
export const page = (): string => `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Muster</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
  :root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
  body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
  h1 { margin: 0; } p { margin: .25rem 0 1.5rem; opacity: .75; }
  table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
  th, td { text-align: left; padding: .4rem .8rem .4rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
  th { font-weight: 600; white-space: nowrap; } td { white-space: nowrap; } td:first-child { font-family: ui-monospace, monospace; }
</style>
<h1>Muster</h1>
<p id="said">Asking…</p>
<h2>Instances</h2>
<table><thead><tr><th>Instance<th>State<th>Management<th>Because<th>Since<th>Server<th>Agent</tr></thead><tbody id="instances"></tbody></table>
<h2>Servers</h2>
<table><thead><tr><th>Server<th>Name<th>State<th>Instance</tr></thead><tbody id="servers"></tbody></table>
<p>The API: <a href="/v1/instances">/v1/instances</a> · <a href="/v1/servers">/v1/servers</a> · <a href="/v1/openapi.json">/v1/openapi.json</a></p>
<script>
  const marks = { enrolled: '●', pending: '◌', 'discovered-only': '△' };
  const words = (text) => String(text ?? '–').replaceAll('_', ' ');
  const fill = (id, rows) => document.getElementById(id).replaceChildren(...rows.map((cells) => {
    const row = document.createElement('tr');
    for (const cell of cells) row.insertCell().textContent = cell;
    return row;
  }));
  const all = async (path) => {
    const items = [];
    for (let token = ''; token !== null;) {
      const page = await (await fetch(path + (token && '?pageToken=' + encodeURIComponent(token)))).json();
      items.push(...page.items);
      token = page.nextPageToken;
    }
    return items;
  };
  const clock = (time) => time ? time.slice(11, 19) + 'Z' : '–';
  const agent = ({ agent }) => !agent ? '–' : agent.silent ? 'silent since ' + clock(agent.lastSeenAt) : 'seen ' + clock(agent.lastSeenAt);
  const look = async () => {
    try {
      const [instances, servers] = await Promise.all([all('/v1/instances'), all('/v1/servers')]);
      const names = new Map(servers.map((it) => [it.id, it.name]));
      fill('instances', instances.map((it) => [it.instanceId, it.state + (it.verify ? ' (being verified)' : ''),
        (marks[it.management] ?? '') + ' ' + it.management, words(it.managementReason), clock(it.managementSince), names.get(it.serverId) ?? '–', agent(it)]));
      fill('servers', servers.map((it) => [it.id, it.name, it.state, it.instance?.instanceId ?? '–']));
      document.getElementById('said').textContent = instances.length + ' instances, ' + servers.length + ' servers, as of ' + clock(new Date().toISOString());
    } catch { document.getElementById('said').textContent = 'Muster does not answer. Is npm start running?'; }
    setTimeout(look, 2000);
  };
  look();
</script></html>
`;
