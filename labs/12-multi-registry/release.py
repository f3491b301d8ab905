"""Your script: build once, scan, gate, push the same image to four registries, promote, clean up.

It runs once with a gate that says no, and must push nothing then; after that twice in a row, and the second run must change
nothing.
"""

import shop  # names and logins; shop.run runs a command and stops the script when it fails
from shop import me


def main() -> None:
    shop.login()
    # 1 Build the image once, with its labels.
    # 2 Scan it: the report goes to report.json. Ask the gate; stop when it does not let the image through.
    # 3 Push it to all of shop.IMAGES under me.version and the commit tag, and compare the digests.
    # 4 Put that digest, and no other build, under prod.
    # 5 Set the policies, and purge.
    print("Nothing is done yet for", me.version)


if __name__ == "__main__":
    main()
