# The limit of a file's size: write, truncate and edit fail with EFBIG.
. "$(dirname "$0")/prologue.sh"

does limits 'file-size 4K'
refused 'File too large' dd if=/dev/zero of=f bs=4097 count=1 status=none
refused 'File too large' truncate -s 4097 f
must truncate -s 4096 f
refused 'File too large' sh -c 'env printf x >> f'
fails_with 'File too large' edit '{"path":"f","edits":[{"at":0,"insert":"x"}]}' 'f'
does edit '{"path":"f","edits":[{"at":0,"delete":1,"insert":"x"}]}'
# A file that was larger before can be read and made smaller.
refused 'File too large' sh -c 'env printf x >> big'
must truncate -s 100 big
does limits 'file-size none'
must truncate -s 4097 f
