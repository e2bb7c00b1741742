// Pictures that lie beside the page, or in it.

const embedded = JSON.parse(document.getElementById("files").textContent);
const made = new Map();

/** The address of a picture; one that lies in the page is decoded once, when it is first wanted. */
export function addressOf(file) {
  if (!(file in embedded)) return file;
  if (!made.has(file)) {
    const bytes = Uint8Array.from(atob(embedded[file]), (letter) => letter.charCodeAt(0));
    made.set(file, URL.createObjectURL(new Blob([bytes], { type: "image/webp" })));
  }
  return made.get(file);
}

/** Call `absent` if a picture cannot be had. */
export function whenAbsent(file, absent) {
  const image = new Image();
  image.addEventListener("error", absent, { once: true });
  image.src = addressOf(file);
}
