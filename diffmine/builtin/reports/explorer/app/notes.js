// What people say of clusters. Everybody can read it; it is written only where `diffmine view` serves the page.

const held = JSON.parse(document.getElementById("notes").textContent);
const NOTHING = { name: "", starred: false, hidden: false, note: "", merged_into: null };
const keyOf = (label, cluster) => JSON.stringify([label, cluster]);
let notes = new Map();
let left = 0;
const heeders = [];

function take({ clusters, undoable = 0 }) {
  notes = new Map(clusters.map(({ label, cluster, ...note }) => [keyOf(label, cluster), { ...NOTHING, ...note }]));
  left = undoable;
  heeders.forEach((heed) => heed());
}
take(held);

export const canWrite = Boolean(held.token);
export const notesProblem = held.error;
export const undoable = () => left > 0;

/** Have something done now, and whenever there are other notes. */
export function heedNotes(heed) {
  heeders.push(heed);
  heed();
}

/** What is said of a cluster. */
export const noteAbout = (label, cluster) => notes.get(keyOf(label, cluster)) ?? NOTHING;

/** Change some of what is said of a cluster; rejected where the server will not have it. */
export const changeNote = (label, cluster, values) => inTurn(() => send("notes", { label, cluster, ...values }));

/** Take the last change back, whichever cluster it was about. */
export const undoNote = () => inTurn(() => send("notes/undo", {}));

let turn = Promise.resolve();

/** After what was asked before is done, so that the last change is the last that is undone, and the last answer holds. */
function inTurn(work) {
  const done = turn.then(work);
  turn = done.catch(() => {});
  return done;
}

async function send(address, body) {
  const headers = { "Content-Type": "application/json", "X-Diffmine-Token": held.token };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  const told = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (told.error) throw new Error(told.error);
  take(told);
}
